"""Few-shot protocols on the features of a model or of a run: episodes and the shots curve."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.data.dataset import Dataset, Item
from core.data.fewshot import FewShotTask, sample_task
from core.data.prompts import resolve_templates
from core.data.split import decided
from core.errors import UserError
from core.evaluation.episodes import EpisodePlan, run_episodes
from core.evaluation.evaluate import flat, labels_of
from core.evaluation.shots import Draw, curve, first_shots, heads_accuracy, what_to_label
from core.models import zoo
from core.models.activation import settled_on
from core.models.array_cache import ArrayCache
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.prototypes import class_prototypes
from core.results.untrained import ShotsPlan, UntrainedCurve
from core.run.finished import FinishedRun


@dataclass(frozen=True)
class Encoder:
    """An image tower to measure, and the images that it has already learnt from."""

    name: str
    clip: ClipModel
    classifier: Classifier
    alpha: float | None = None
    seen: frozenset[str] = frozenset()
    """Hashes of the images that trained it or chose among its weights."""
    notes: tuple[str, ...] = ()


def encoder_of_model(model: str, cache: Path | None) -> Encoder:
    """The unchanged tower of a CLIP."""
    clip = zoo.load(model, cache=ArrayCache(cache))
    return Encoder(model, clip, clip.frozen)


def encoder_of_run(folder: Path, alpha: float | None, cache: Path | None) -> Encoder:
    """A run's tower at α, by default at the α that it chose."""
    run = FinishedRun(folder, cache)
    chosen = run.record.selection.alpha if alpha is None else alpha
    return Encoder(run.record.run_id, run.clip, run.encoder_at(chosen), chosen, run.seen)


def measure_episodes(encoder: Encoder, dataset: Dataset, plan: EpisodePlan) -> dict[str, Any]:
    """Episodes on the in-distribution images (`id`) and on every OOD domain of a data set.

    The classes need not be those of the run. Images that it has learnt from are left out, and so
    are all copies of an image except the first. A `UserError` if no domain has enough images.
    """
    encoder = _settled(encoder, dataset, resolve_templates("dataset", dataset.templates))
    domains, notes = _unseen(dataset, encoder.seen)
    features = encoder.clip.features_of(encoder.classifier, dataset.root, flat(domains))
    scores: dict[str, Any] = {}
    sizes = [len(items) for items in domains.values()]
    problem = UserError(f"data: {dataset.title} has no images but those the run learnt from.")
    for (name, items), rows in zip(domains.items(), torch.split(features, sizes), strict=True):
        try:
            score = run_episodes(rows, labels_of(items), dataset.classes, plan)
        except UserError as error:
            problem = error
            notes.append(f"{name}: {error}")
        else:
            scores[name] = {"n": len(items), **asdict(score)}
    if not scores:
        raise problem
    return {
        "schema": 1,
        "encoder": encoder.name,
        "alpha": encoder.alpha,
        "plan": plan.model_dump(mode="json"),
        "domains": scores,
        "notes": [*encoder.notes, *notes],
    }


def measure_shots(
    encoder: Encoder,
    dataset: Dataset,
    plan: ShotsPlan,
    templates: str | Sequence[str] = "dataset",
) -> UntrainedCurve:
    """The shots curve on test images and OOD domains, and advice on which classes to label next.
    The shots are drawn from the images that a run would draw them from.

    Images that a run has learnt from may be shots, but are never measured. A class with fewer shots
    gives what it has. Numbers of shots that no class has are left out.
    """
    prompts = resolve_templates(templates, dataset.templates)
    encoder = _settled(encoder, dataset, prompts)
    zero_shot = class_prototypes(encoder.clip, dataset.names, prompts)
    items = [item for domain in dataset.domains for item in domain.items]
    rows = encoder.clip.features_of(encoder.classifier, dataset.root, items)
    place = {item.path: index for index, item in enumerate(items)}

    def features_and_labels(chosen: Sequence[Item]) -> tuple[Tensor, Tensor]:
        return rows[[place[item.path] for item in chosen]], labels_of(chosen)

    found: dict[str, dict[int, list[dict[str, float]]]] = {}
    sizes: dict[str, int] = {}
    draws: list[Draw] = []
    notes: list[str] = []
    split = decided(dataset)
    for seed in range(plan.seeds):
        task = sample_task(dataset, max(plan.shots), seed, allow_fewer=True, sides=split.sides)
        notes += [note for note in task.notes if note not in notes]
        features, labels = features_and_labels(task.train)
        most = int(labels.bincount().max())
        measured = _measured(task, encoder.seen)
        for name, chosen in measured.items():
            sizes[name] = len(chosen)
            for shots in sorted(n for n in set(plan.shots) if n <= most):
                first = first_shots(labels, shots)
                accuracy = heads_accuracy(
                    zero_shot, (features[first], labels[first]), features_and_labels(chosen)
                )
                found.setdefault(name, {}).setdefault(shots, []).append(accuracy)
        sides = {side: features_and_labels(chosen) for side, chosen in _sides(measured).items()}
        draws.append(Draw((features, labels), sides))
    if not found:
        raise UserError(
            f"shots: there is nothing to measure with {min(plan.shots)} shots a class. "
            "Lower the shots or add images."
        )
    return UntrainedCurve(
        encoder=encoder.name,
        alpha=encoder.alpha,
        plan=plan,
        sizes=sizes,
        domains={name: curve(points) for name, points in found.items()},
        advice=what_to_label(zero_shot, draws, dataset.classes),
        notes=[*encoder.notes, *notes],
    )


def _settled(encoder: Encoder, dataset: Dataset, templates: Sequence[str]) -> Encoder:
    """The model with the activation that its weights need, if only the data can tell."""
    clip = encoder.clip
    if not clip.undecided or not clip.owns(encoder.classifier):
        return encoder
    clip = settled_on(clip, dataset, templates)
    notes = (*encoder.notes, *clip.notes)
    return replace(encoder, clip=clip, classifier=clip.frozen, notes=notes)


def _measured(task: FewShotTask, seen: frozenset[str]) -> dict[str, list[Item]]:
    """`test` and the OOD domains without images that were seen; empty ones are left out."""
    domains = {"test": task.test, **task.ood}
    left = {name: [i for i in items if i.sha256 not in seen] for name, items in domains.items()}
    return {name: items for name, items in left.items() if items}


def _sides(measured: Mapping[str, Sequence[Item]]) -> dict[str, list[Item]]:
    """The images of `test` as `id`, and those of all OOD domains as `ood`."""
    sides: dict[str, list[Item]] = {}
    for name, items in measured.items():
        sides.setdefault("ood" if name.startswith("ood/") else "id", []).extend(items)
    return sides


def _unseen(
    dataset: Dataset, seen: frozenset[str]
) -> tuple[Mapping[str, Sequence[Item]], list[str]]:
    """`id` and the OOD domains without seen images and copies, and the number of these."""
    domains: dict[str, list[Item]] = {}
    for domain in dataset.domains:
        name = domain.name if domain.role == "ood" else "id"
        domains.setdefault(name, []).extend(domain.items)
    unique = {
        name: list({(item.sha256, item.label): item for item in reversed(items)}.values())[::-1]
        for name, items in domains.items()
    }
    fresh = {
        name: [item for item in items if item.sha256 not in seen] for name, items in unique.items()
    }
    left_out = sum(map(len, unique.values())) - sum(map(len, fresh.values()))
    notes = []
    if left_out:
        notes.append(f"{left_out} images that the run was trained or chosen on are left out.")
    return {name: items for name, items in fresh.items() if items}, notes
