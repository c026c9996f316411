"""What each choice in the gate of steady mixing is worth, and how its relatives do, on finished
runs.

Nothing is trained again. A run is answered under its own α by gates that differ in one choice: that
read other layers, look at more or fewer neighbours, or set their threshold otherwise. The relatives
are WiSE at one α, outputs averaged half and half, VRF, and DaWin, which sees all test images.
"""

import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.data.dataset import Item
from core.errors import UserError
from core.evaluation.dawin import dawin
from core.evaluation.evaluate import domains_of, flat, labels_of, measure, measure_outputs
from core.events import result_of
from core.interpolation import Member
from core.interpolation.steady import NEIGHBOURS, HeldOutOn, gate_on, trust_in_tuned
from core.interpolation.vrf import Vrf
from core.models.classifier import EVALUATION_BATCH, Classifier
from core.models.ensemble import averaged
from core.models.gates import FAMILIAR, early_layers, mixed_answers, statistics_of, tuned_share
from core.models.transforms import Augmentation
from core.results.records import Evaluation, Mixing
from core.run.finished import FinishedRun

FEATURES = "last-layer features"
VIEWS = 4
"""Training views of an image that a larger bank holds besides its evaluation view."""


@dataclass(frozen=True)
class Variant:
    """A gate like ours but for one choice."""

    name: str
    layers: tuple[str, ...]
    neighbours: int = NEIGHBOURS
    held_out: tuple[HeldOutOn, ...] = ("train", "val")
    views: int = 0
    hard: bool = False
    unfamiliar: float | None = None
    """w; None for that of the rule."""


def variants(tower: nn.Module) -> list[Variant]:
    """Ours first; without those that read blocks which a shallow tower does not have."""
    early = early_layers(tower)
    ours = Variant("as built", early)
    known = {FEATURES, *(name for name, _ in tower.named_modules())}
    every = [
        ours,
        replace(ours, name="the first of these layers alone", layers=early[:1]),
        replace(ours, name="one block later", layers=(early[-1], _later(early[-1], 1))),
        replace(ours, name="two blocks later", layers=(_later(early[-1], 2),)),
        replace(ours, name=FEATURES, layers=(FEATURES,)),
        replace(ours, name="the nearest neighbour alone", neighbours=1),
        replace(ours, name="twenty neighbours", neighbours=20),
        replace(ours, name=f"{VIEWS} training views an image in the bank", views=VIEWS),
        replace(ours, name="threshold from validation alone", held_out=("val",)),
        replace(ours, name="threshold from training images alone", held_out=("train",)),
        replace(ours, name="hard gate", hard=True),
        replace(ours, name="unfamiliar images to zero-shot (w = 0)", unfamiliar=0.0),
        replace(ours, name="every image to the tuned (w = 1)", unfamiliar=1.0),
    ]
    return [variant for variant in every if known.issuperset(variant.layers)]


def compare_gates(runs: Sequence[FinishedRun]) -> list[dict[str, Any]]:
    """A row a variant and a relative: means over the runs of the ID and OOD change from zero-shot,
    the worst OOD change, and for gates how many images are familiar at home and elsewhere,
    fractions of 1.
    """
    found: dict[str, list[dict[str, float]]] = {}
    for run in runs:
        for name, row in (*_relatives(run), *_of_run(run)):
            found.setdefault(name, []).append(row)
    return [
        {
            "variant": name,
            "runs": len(rows),
            **{key: statistics.fmean(row[key] for row in rows) for key in rows[0]},
            "worst_ood_change": min(row["ood_change"] for row in rows),
        }
        for name, rows in found.items()
    ]


def _relatives(run: FinishedRun) -> Iterator[tuple[str, dict[str, float]]]:
    clip, task = run.clip, run.task
    start, end = measure(run.zero_shot, clip, task), measure(run.tuned, clip, task)

    def against_zero_shot(other: Evaluation) -> dict[str, float]:
        before = start.evaluation
        assert other.ood is not None, "open_runs refuses a run without other domains"
        assert before.ood is not None
        return {"id_change": other.id - before.id, "ood_change": other.ood - before.ood}

    yield "the tuned weights alone", against_zero_shot(end.evaluation)
    alone = Mixing.wise(run.record.selection.alpha)
    yield "WiSE, one α for all", against_zero_shot(run.measure(alone))
    half = averaged([start.logits, end.logits], "probabilities")
    both = measure_outputs(end.features, half, start.domains, task.classes)
    yield "outputs, half and half", against_zero_shot(both.evaluation)
    vrf = Vrf(Vrf.Params())
    steps = vrf.combine([Member("run", run.zero_shot, lambda: _classifier(run))], clip, task)
    combination = result_of(steps)
    yield "VRF", against_zero_shot(measure(combination.classifier, clip, task).evaluation)
    found = dawin((run.zero_shot, run.tuned), clip, task, (start, end))
    yield "DaWin (sees all test images)", against_zero_shot(found.evaluation)


def _classifier(run: FinishedRun) -> Classifier:
    assert isinstance(run.tuned, Classifier), "an ensemble has no gate"
    return run.tuned


@torch.inference_mode()
def _of_run(run: FinishedRun) -> Iterator[tuple[str, dict[str, float]]]:
    clip, task, alpha = run.clip, run.task, run.record.mixing.alpha
    domains = domains_of(task)
    items = flat(domains)
    labels = labels_of(items)
    sizes = [len(rows) for rows in domains.values()]
    tuned = run.at(alpha)
    assert isinstance(tuned, Classifier), "an ensemble has no gate"
    before = run.zero_shot.outputs_of(clip, task.root, items)[1]
    after = tuned.outputs_of(clip, task.root, items)[1]
    places = dict(zip(domains, torch.split(torch.arange(len(items)), sizes), strict=True))
    val = places.get("val", torch.arange(0))
    temperatures = run.steady.temperature(0.0), run.steady.temperature(alpha)
    w, _ = trust_in_tuned(before[val], after[val], labels[val])
    known: dict[Any, Tensor] = {}

    def read(variant: Variant, rows: Sequence[Item], views: int = 0) -> Tensor:
        key = (variant.layers, views, len(rows), rows[0].path if rows else "")
        if key not in known:
            known[key] = _statistics(run, variant.layers, rows, views)
        return known[key]

    for variant in variants(clip.model.visual):
        statistics_of_all = read(variant, items)
        train = read(variant, task.train, variant.views)
        if not len(val) and "train" not in variant.held_out:
            continue
        gate, _ = gate_on(
            train, statistics_of_all[val], variant.layers, variant.neighbours, variant.held_out
        )
        familiarity = gate(statistics_of_all)
        share = tuned_share(familiarity, w if variant.unfamiliar is None else variant.unfamiliar)
        if variant.hard:
            share = (share >= FAMILIAR).to(share)
        said = mixed_answers(before, after, share, temperatures).argmax(1)
        change = {
            name: float(
                (said[at] == labels[at]).double().mean()
                - (before[at].argmax(1) == labels[at]).double().mean()
            )
            for name, at in places.items()
        }
        near = {
            name: float((familiarity[at] >= FAMILIAR).double().mean())
            for name, at in places.items()
        }
        ood = [name for name in domains if name.startswith("ood/")]
        yield (
            variant.name,
            {
                "id_change": change["test"],
                "ood_change": statistics.fmean(change[name] for name in ood),
                "familiar_id": near["test"],
                "familiar_ood": statistics.fmean(near[name] for name in ood),
            },
        )


def _statistics(
    run: FinishedRun, layers: tuple[str, ...], items: Sequence[Item], views: int
) -> Tensor:
    """`(N·(1 + views), S)` of evaluation views, and of training views after them."""
    clip, root = run.clip, run.task.root
    if layers == (FEATURES,):
        return clip.evaluation_features(root, items)
    pixels = clip.pixels(root)
    batches = list(pixels.evaluation_batches(items, EVALUATION_BATCH))
    for view in range(views):
        batches.append(pixels.training(items, Augmentation(0.5, True), run.task.seed, view))
    return torch.cat([statistics_of(clip.frozen, layers, batch).cpu() for batch in batches])


def _later(layer: str, blocks: int) -> str:
    """`trunk.blocks.0` to `trunk.blocks.1`; of `layer1` to `layer2`."""
    return re.sub(r"\d+$", lambda number: str(int(number[0]) + blocks), layer)


def open_runs(folders: Sequence[Path], cache: Path | None) -> list[FinishedRun]:
    """The runs in these folders; a `UserError` for one without a gate or an OOD domain."""
    runs = [FinishedRun(folder, cache) for folder in folders]
    for run in runs:
        assert run.steady, "raises what is missing"
        if run.record.evaluations["zero-shot"].ood is None:
            raise UserError(
                f"gate: {run.record.run_id} has no other domain to compare gates on. "
                "Name runs on data with an ood folder."
            )
    return runs
