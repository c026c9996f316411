"""The built-in stress set on the data place: what is done to an image, and what is known of it."""

from collections.abc import Mapping

from core.data.dataset import Dataset
from core.data.stress import EFFECTS, stress_items
from core.results.records import DomainScore
from studio.frame.markup import render
from studio.workspace.data_store import Opened


def stress_set(opened: Opened, scores: Mapping[str, DomainScore]) -> str:
    """One image under every effect, with zero-shot accuracy where a run has measured it; nothing
    for a data set that has OOD domains, which are judged on instead.
    """
    shown = stressed_example(opened.dataset)
    if not has_stress_set(opened.dataset) or shown is None:
        return ""
    effects = [(effect, scores.get(effect)) for effect in EFFECTS]
    return render("data/stress_set.html", data_id=opened.data_id, sha=shown, effects=effects)


def has_stress_set(dataset: Dataset) -> bool:
    """Whether runs on this data set measure the stress set unless told otherwise."""
    return not any(domain.role == "ood" for domain in dataset.domains)


def stressed_example(dataset: Dataset) -> str | None:
    """The hash of an image to show: a measured one, where the split is known."""
    roles = ("test", "val", "train")
    items = next((found for role in roles if (found := dataset.items(role))), ())
    return stress_items(items, 1)[0].sha256 if items else None
