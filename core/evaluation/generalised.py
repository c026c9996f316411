"""Generalised zero-shot: the accuracy on trained classes and on classes without training images."""

from collections.abc import Collection, Mapping

from core.data.fewshot import FewShotTask
from core.results.records import DomainScore, Evaluation, Generalised, SeenUnseen

Counts = list[tuple[int, int]]


def seen_and_unseen(score: DomainScore, unseen: Collection[str]) -> Generalised | None:
    """S, U and H = 2SU/(S+U) of one domain, with every class of the task as a candidate.

    Xian et al., arXiv 1707.00600, average over classes (`macro`); Lipsum-FT (arXiv 2404.00860, B.3)
    only says "accuracy". None if one of the two sides has no images.
    """
    inside = [count for name, count in score.per_class.items() if name not in unseen]
    outside = [count for name, count in score.per_class.items() if name in unseen]
    if not inside or not outside:
        return None
    return Generalised(
        macro=_sides(_macro(inside), _macro(outside)), micro=_sides(_micro(inside), _micro(outside))
    )


def generalised(evaluations: Mapping[str, Evaluation], task: FewShotTask) -> dict[str, Generalised]:
    """The `test` score of every evaluation split in two; empty if every class is trained on."""
    found = {}
    for label, evaluation in evaluations.items():
        score = evaluation.domains.get("test")
        split = seen_and_unseen(score, task.unseen) if score else None
        if split:
            found[label] = split
    return found


def _macro(counts: Counts) -> float:
    return sum(correct / n for correct, n in counts) / len(counts)


def _micro(counts: Counts) -> float:
    return sum(correct for correct, _ in counts) / sum(n for _, n in counts)


def _sides(seen: float, unseen: float) -> SeenUnseen:
    total = seen + unseen
    return SeenUnseen(
        seen=seen, unseen=unseen, harmonic=2 * seen * unseen / total if total else 0.0
    )
