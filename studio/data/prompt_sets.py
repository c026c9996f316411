"""Sets of prompts that can be chosen without typing."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.data.dataset import Dataset
from studio.data import words

OWN = "own"


def set_choices(dataset: Dataset, sets: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Value and label of each set of prompts."""
    first = words.PromptSets.of_data if dataset.templates else words.PromptSets.usual
    return [("dataset", first), *((name, f"{name} ({len(t)})") for name, t in sets.items())]


def spec(value: Any) -> Any:
    """Templates as a config names them: a single template as text, as on the command line."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
