"""Evaluates one classifier on all domains of a task."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from core.data.dataset import Item
from core.data.fewshot import FewShotTask
from core.evaluation.metrics import score
from core.events import Advanced, Event
from core.models.classifier import EVALUATION_BATCH, Classifier, Predictor
from core.models.clip import ClipModel
from core.results.groups import worst_group
from core.results.predictions import ClassifierAnswers, DomainPredictions, Predictions, hash_bytes
from core.results.records import DomainScore, Evaluation

Domains = Mapping[str, Sequence[Item]]
AT_ONCE = 2 * EVALUATION_BATCH
"""Images between two progress events of a measurement: whole batches, so that results do not
change.
"""


def domains_of(task: FewShotTask) -> dict[str, Sequence[Item]]:
    """The domains to measure: `val`, `test` and every `ood/<name>` with images."""
    everything: dict[str, Sequence[Item]] = {"val": task.val, "test": task.test, **task.ood}
    return {name: items for name, items in everything.items() if items}


@dataclass(frozen=True)
class DetailedEvaluation:
    """An evaluation together with the features and logits that it was computed from, image by
    image.
    """

    evaluation: Evaluation
    domains: Domains
    features: Tensor
    """Unit features (N, D) in the order of `flat(domains)`; (N, 0) for an ensemble."""
    logits: Tensor
    """(N, C), in the same order."""

    def by_domain(self, rows: Tensor) -> dict[str, Tensor]:
        """Splits a tensor with one row per image, such as `features`, by domain."""
        sizes = [len(items) for items in self.domains.values()]
        return dict(zip(self.domains, torch.split(rows, sizes), strict=True))

    def answers(self) -> dict[str, ClassifierAnswers]:
        """The likeliest class of every image and its confidence, by domain."""
        confidence, predicted = F.softmax(self.logits.double(), dim=1).max(dim=1)
        sure = self.by_domain(confidence.float())
        return {
            name: ClassifierAnswers(said.int().numpy(), sure[name].numpy())
            for name, said in self.by_domain(predicted).items()
        }


def measure(classifier: Predictor, clip: ClipModel, task: FewShotTask) -> DetailedEvaluation:
    """Scores every domain with the classifier's outputs for all evaluation images."""
    domains = domains_of(task)
    features, logits = classifier.outputs_of(clip, task.root, flat(domains))
    return measure_outputs(features, logits, domains, task.classes)


def measure_along(
    classifier: Predictor, clip: ClipModel, task: FewShotTask
) -> Generator[Event, None, DetailedEvaluation]:
    """`measure` with progress: yields the number of images done."""
    domains = domains_of(task)
    items = flat(domains)
    if isinstance(classifier, Classifier) and clip.owns(classifier):
        steps = clip.evaluated(task.root, items, AT_ONCE)
        features = yield from _counting(steps, len(items))
        logits = classifier.logits_from(features)
        return measure_outputs(features, logits, domains, task.classes)
    parts = []
    for start in range(0, len(items), AT_ONCE):
        chunk = items[start : start + AT_ONCE]
        parts.append(classifier.outputs_of(clip, task.root, chunk))
        yield Advanced(start + len(chunk), len(items))
    features, logits = (torch.cat(rows) for rows in zip(*parts, strict=True))
    return measure_outputs(features, logits, domains, task.classes)


def _counting(steps: Generator[int, None, Tensor], of: int) -> Generator[Event, None, Tensor]:
    while True:
        try:
            yield Advanced(next(steps), of)
        except StopIteration as stop:
            found: Tensor = stop.value
            return found


def evaluate(classifier: Predictor, clip: ClipModel, task: FewShotTask) -> Evaluation:
    """The scores alone."""
    return measure(classifier, clip, task).evaluation


def measure_outputs(
    features: Tensor, logits: Tensor, domains: Domains, classes: Sequence[str]
) -> DetailedEvaluation:
    """Scores logits (N, C) that are in the order of `flat(domains)`, as the features are."""
    scores: dict[str, DomainScore] = {}
    start = 0
    for name, items in domains.items():
        labels = labels_of(items)
        scores[name] = score(logits[start : start + len(items)], labels, classes)
        start += len(items)
    return DetailedEvaluation(summarise(scores), domains, features, logits)


def evaluate_features(
    classifier: Classifier, features: Tensor, domains: Domains, classes: Sequence[str]
) -> Evaluation:
    """The scores of unit features (N, D) in the order of `flat(domains)`."""
    logits = classifier.logits_from(features)
    return measure_outputs(features, logits, domains, classes).evaluation


def predictions(
    ends: Mapping[str, Tensor], measured: DetailedEvaluation, classes: Sequence[str]
) -> Predictions:
    """The logits `(N, C)` of each end for the images of `measured`, by the names of `ENDS`."""
    answers = {name: replace(measured, logits=logits).answers() for name, logits in ends.items()}
    domains = {
        name: DomainPredictions(
            hash_bytes(item.sha256 for item in items),
            labels_of(items).int().numpy(),
            {end: found[name] for end, found in answers.items()},
        )
        for name, items in measured.domains.items()
    }
    return Predictions(tuple(classes), domains)


def summarise(scores: Mapping[str, DomainScore]) -> Evaluation:
    """`id` is the accuracy on `test`, or on all in-distribution images of a data set that has no
    test yet. `ood` is the unweighted mean over the out-of-distribution domains. If there is a test,
    validation does not count for the worst group either.
    """
    ood = {name: score for name, score in scores.items() if name.startswith("ood/")}
    inside = {name: score for name, score in scores.items() if name not in ood}
    measured = {"test": scores["test"]} if "test" in scores else inside
    n = sum(score.n for score in measured.values())
    return Evaluation(
        domains=dict(scores),
        id=sum(score.correct for score in measured.values()) / n,
        ood=sum(score.accuracy for score in ood.values()) / len(ood) if ood else None,
        worst_group=worst_group({**measured, **ood}),
    )


def labels_of(items: Sequence[Item]) -> Tensor:
    """Labels (N,)."""
    return torch.tensor([item.label for item in items])


def flat(domains: Domains) -> list[Item]:
    """All items, domain after domain."""
    return [item for items in domains.values() for item in items]


ACCEPTED = 0.95
"""Share of the in-distribution images that the threshold accepts."""


def nearest(features: Tensor, train: Tensor, leave_self_out: bool = False) -> Tensor:
    """The highest cosine to a training feature for each image, `(N,)`, from unit features `(N, D)`
    and `(M, D)`. `leave_self_out`: both are the same images, and none counts as its own neighbour.
    """
    cosines = features.double() @ train.double().T
    if leave_self_out:
        cosines.fill_diagonal_(-torch.inf)
    return cosines.max(1).values


def abstain_threshold(inside: Tensor, accepted: float = ACCEPTED) -> float:
    """The similarity that at least a share `accepted` of in-distribution images `(N,)` reaches."""
    ordered = inside.sort(descending=True).values
    kept = max(1, -int(-accepted * len(ordered) // 1))
    return float(ordered[min(kept, len(ordered)) - 1])
