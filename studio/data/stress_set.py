"""Shows the built-in stress set on the Data tab: its effects, and the known accuracies."""

from collections.abc import Mapping

from core.data.dataset import Dataset
from core.data.stress import EFFECTS, stress_items
from core.results.records import DomainScore
from studio.frame.markup import render
from studio.workspace.data_store import Opened


def stress_set(opened: Opened, scores: Mapping[str, DomainScore]) -> str:
    """One image under every effect, with the zero-shot accuracy if a run has measured it. Empty for
    a data set with OOD domains, which replace the stress set.
    """
    shown = stressed_example(opened.dataset)
    if not has_stress_set(opened.dataset) or shown is None:
        return ""
    effects = [(effect, scores.get(effect)) for effect in EFFECTS]
    return render("data/stress_set.html", data_id=opened.data_id, sha=shown, effects=effects)


def has_stress_set(dataset: Dataset) -> bool:
    """True if runs on this data set measure the stress set by default."""
    return not any(domain.role == "ood" for domain in dataset.domains)


def stressed_example(dataset: Dataset) -> str | None:
    """The hash of an image to show: a test image if the split is known."""
    roles = ("test", "val", "train")
    items = next((found for role in roles if (found := dataset.items(role))), ())
    return stress_items(items, 1)[0].sha256 if items else None
