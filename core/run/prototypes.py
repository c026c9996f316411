"""Previews spurious prototypes and the images between them, before any training."""

from collections.abc import Sequence
from typing import Any

from core.data.dataset import Dataset
from core.data.prompts import resolve_templates
from core.evaluation.evaluate import labels_of
from core.evaluation.projections import PrototypeTrail, shown_items
from core.models.activation import settled_on
from core.models.clip import ClipModel
from core.models.prototypes import context_prototypes
from core.models.spurious import correct


def preview_prototypes(
    clip: ClipModel, dataset: Dataset, templates: str | Sequence[str], seed: int = 0
) -> dict[str, Any]:
    """The first state of a run's prototype plot, with FD-Align's default correction."""
    texts = resolve_templates(templates, dataset.templates)
    clip = settled_on(clip, dataset, texts)
    contexts = context_prototypes(clip, dataset.names, texts)
    spurious = correct(contexts, seed)
    trail = PrototypeTrail(contexts, texts, spurious, clip.logit_scale, dataset.classes)
    train = dataset.items("train")
    shown = [train[i] for i in shown_items([item.label for item in train])]
    features = clip.evaluation_features(dataset.root, shown)
    trail.look(0, 0, features, labels_of(shown))
    return trail.to_json()
