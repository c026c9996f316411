"""The ID/OOD frontier: zero-shot and fine-tuned weights mixed at every α, with and without the
gate.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.evaluation.evaluate import DetailedEvaluation, flat, labels_of, measure_outputs, summarise
from core.evaluation.metrics import score
from core.events import Advanced, Evaluated, Event
from core.interpolation.steady import SteadyMix
from core.interpolation.wise import between
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.models.gates import FAMILIAR
from core.results.grid import Grid, MixingAnswers, best
from core.results.records import (
    DomainScore,
    Evaluation,
    FamiliarImages,
    Mixing,
    MixingKind,
    Selection,
    Steadiness,
    WisePoint,
)

DEFAULT_ALPHA = 0.5
"""WiSE-FT's recommendation when nothing can be measured (arXiv 2109.01903 §4)."""


@dataclass
class Frontier:
    """Every mixture of one run; each domain is measured at most once at each α.

    Validation comes first, because it chooses α; then the recommended mixture; then the rest.
    """

    start: DetailedEvaluation
    """Zero-shot on every domain."""
    end: DetailedEvaluation
    """The fine-tuned classifier on every domain."""
    classifiers: tuple[Classifier, Classifier | Ensemble]
    """The zero-shot and the fine-tuned classifier, with the same tensor names."""
    clip: ClipModel
    task: FewShotTask
    alphas: tuple[float, ...]
    """Ascending, with 0 and 1."""
    steady: SteadyMix | None = None
    calibrate: bool = False
    """Fit T at every α on validation, instead of interpolating between known values."""
    _scores: dict[tuple[MixingKind, float, str], DomainScore] = field(default_factory=dict)
    _rows: dict[tuple[MixingKind, float, str], MixingAnswers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._mixer = between(*self.classifiers)
        self._shares: dict[str, Tensor] = {}
        self.familiarity: dict[str, Tensor] = {}
        """g `(N,)` by domain; empty without a gate."""
        if self.steady:
            statistics = self.clip.early_statistics(self.task.root, flat(self.start.domains))
            g = self.steady.gate(statistics.to(self.steady.gate.bank.device)).cpu()
            self.familiarity = self.start.by_domain(g)
            self._shares = {n: self.steady.share(rows) for n, rows in self.familiarity.items()}

    @property
    def kinds(self) -> tuple[MixingKind, ...]:
        """The kinds of mixing to measure at every α."""
        return ("wise", "steady") if self.steady else ("wise",)

    def validate(self) -> Generator[Event, None, None]:
        """Measure the validation images at every α; they choose among them."""
        names = [name for name in self.start.domains if name == "val"]
        for number, alpha in enumerate(self.alphas, start=1):
            self._measure_at(alpha, names)
            yield Advanced(number, len(self.alphas) + 1)  # then the chosen mixture is measured

    def complete(self) -> Generator[Event, None, None]:
        """Measure what is left, one α after another."""
        for number, alpha in enumerate(self.alphas, start=1):
            self._measure_at(alpha, [*self.start.domains])
            yield Advanced(number, len(self.alphas))
            evaluation = self._evaluation(Mixing.wise(alpha))
            yield Evaluated("alpha", 0, evaluation.domains, alpha)

    def at(self, mixing: Mixing) -> DetailedEvaluation:
        """One mixture on all domains."""
        names = [*self.start.domains]
        for alpha in (0.0, 1.0):  # the ends are already known
            self._measure_at(alpha, names)
        wise = self._logits(mixing.alpha, names)
        self._measure_at(mixing.alpha, names, wise)
        logits = wise
        if mixing.kind == "steady":
            assert self.steady, "only what has a gate is steady"
            share = torch.cat([self._shares[name] for name in names])
            logits = self.steady.logits(self.start.logits, wise, share, mixing.alpha)
        return measure_outputs(self.end.features, logits, self.start.domains, self.task.classes)

    def points(self, kind: MixingKind) -> list[WisePoint]:
        """The points of the frontier for one kind of mixing."""
        return [
            wise_point(alpha, self._evaluation(Mixing(kind=kind, alpha=alpha)))
            for alpha in self.alphas
        ]

    def steadiness(self) -> Steadiness | None:
        """The gate's part of the record; None without a gate."""
        if self.steady is None:
            return None
        gate = self.steady.gate
        return Steadiness(
            layers=list(gate.layers),
            neighbours=gate.neighbours,
            threshold=float(gate.threshold),
            width=float(gate.width),
            calibrated_on=self.steady.calibrated_on,
            unfamiliar=self.steady.unfamiliar,
            evidence=self.steady.evidence,
            temperatures={f"{a:g}": t for a, t in sorted(self.steady.temperatures.items())},
            domains={
                name: FamiliarImages(
                    n=len(g),
                    familiar=int((g >= FAMILIAR).sum()),
                    share=float(self._shares[name].mean()),
                )
                for name, g in self.familiarity.items()
            },
            points=self.points("steady"),
        )

    def grid(self) -> Grid:
        """Every image at every α."""
        return Grid(self.alphas, self._rows)

    def _measure_at(self, alpha: float, names: Sequence[str], known: Tensor | None = None) -> None:
        """Score the domains that have no score yet. `known` are the logits of all of them."""
        wanted = [*names]
        if self.calibrate and "val" in self.start.domains and "val" not in wanted:
            wanted.insert(0, "val")  # T comes first
        missing = [name for name in wanted if ("wise", alpha, name) not in self._scores]
        if not missing:
            return
        if known is None:
            wise = self._split(self._logits(alpha, missing), missing)
        else:
            wise = self._split(known, names)
        before = self.start.by_domain(self.start.logits)
        domains = {name: self.start.domains[name] for name in missing}
        if self.steady and self.calibrate and "val" in domains:
            self.steady = self.steady.calibrated(alpha, wise["val"], labels_of(domains["val"]))
        for name, items in domains.items():
            labels = labels_of(items)
            self._keep("wise", alpha, name, wise[name], labels)
            if self.steady:
                share = self._shares[name]
                mixed = self.steady.logits(before[name], wise[name], share, alpha)
                self._keep("steady", alpha, name, mixed, labels)

    def _logits(self, alpha: float, names: Sequence[str]) -> Tensor:
        """The logits of the mixed weights; at the ends they come from the run's own evaluations."""
        if alpha in (0.0, 1.0):
            end = self.end if alpha else self.start
            by_domain = end.by_domain(end.logits)
            return torch.cat([by_domain[name] for name in names])
        items = flat({name: self.start.domains[name] for name in names})
        return self._mixer.at(alpha).outputs_of(self.clip, self.task.root, items)[1]

    def _keep(
        self, kind: MixingKind, alpha: float, name: str, logits: Tensor, labels: Tensor
    ) -> None:
        key = (kind, alpha, name)
        self._scores[key] = score(logits, labels, self.task.classes)
        self._rows[key] = rows_of(logits, labels)

    def _evaluation(self, mixing: Mixing) -> Evaluation:
        names = self.start.domains
        return summarise({n: self._scores[mixing.kind, mixing.alpha, n] for n in names})

    def _split(self, rows: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        sizes = [len(self.start.domains[name]) for name in names]
        return dict(zip(names, torch.split(rows, sizes), strict=True))


def alpha_grid(alphas: Iterable[float]) -> tuple[float, ...]:
    """The α to measure: the given ones and both ends, ascending."""
    return tuple(sorted({0.0, 1.0, *alphas}))


def choose_alpha(grid: Grid, kind: MixingKind, checkpoint: str) -> Selection:
    """The α of one kind of mixing, chosen by the log-likelihoods of the validation images (see
    `best`).

    Test and out-of-distribution images are never used. Without validation images, α is the default.
    """
    if not grid.has(kind, "val"):
        return Selection(checkpoint=checkpoint, alpha=DEFAULT_ALPHA, alpha_chosen_on="default")
    alpha = best(kind, grid.alphas, grid.log_likelihoods(kind, "val"))
    return Selection(checkpoint=checkpoint, alpha=alpha, alpha_chosen_on="val")


def rows_of(logits: Tensor, labels: Tensor) -> MixingAnswers:
    """For each image `(N,)`, if it is right, and the log-likelihood of its class."""
    likely = -F.cross_entropy(logits.double(), labels, reduction="none")
    return MixingAnswers((logits.argmax(1) == labels).numpy(), likely.float().numpy())


def wise_point(alpha: float, evaluation: Evaluation) -> WisePoint:
    """The part of an evaluation that the frontier keeps."""
    val = evaluation.domains.get("val")
    return WisePoint(
        alpha=alpha,
        id=evaluation.id,
        ood=evaluation.ood,
        val=val.accuracy if val else None,
        val_nll=val.nll if val else None,
        domains={name: score.accuracy for name, score in evaluation.domains.items()},
    )
