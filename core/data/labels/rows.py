"""One row of a label file, and the labels in its cells."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NOTHING = ("", "nan", "null", "undefined")
_WHOLE = re.compile(r"(\d{1,9})(?:\.0+)?")
_CHOSEN = ("choices", "taxonomy", "labels", "label", "class", "name", "title", "value")
_DEEPEST = 6
_LONGEST_LINE = 500


class NoLabels(Exception):
    """A file is not a label file. The message is the end of a sentence: "it has no rows"."""


@dataclass(frozen=True)
class LabelRow:
    """One row of a label file: an image and its labels."""

    file: str
    """The name of the image, as written in the file."""
    labels: tuple[str, ...]
    """Empty if the image is listed without a label."""
    split: str = ""
    """The split, as written in the file."""


def labels_in(value: Any, depth: int = 0) -> tuple[str, ...]:
    """The labels in a value, such as `{"choices": ["cat", "dog"]}`, `["cat"]` or `cat|dog`."""
    if value is None or isinstance(value, bool) or depth > _DEEPEST:
        return ()
    if isinstance(value, str):
        text = " ".join(value.split())
        if text[:1] in ("[", "{"):
            try:
                return labels_in(json.loads(text), depth + 1)
            except (ValueError, RecursionError):
                return (text,)
        parts = (part.strip() for part in text.split("|"))
        return tuple(dict.fromkeys(part for part in parts if part.lower() not in _NOTHING))
    if isinstance(value, Mapping):
        return _of_mapping(value, depth)
    if isinstance(value, list | tuple):
        found = (label for one in value for label in labels_in(one, depth + 1))
        return tuple(dict.fromkeys(found))
    return (whole(f"{value:g}" if isinstance(value, float) else str(value)),)


def _of_mapping(value: Mapping[Any, Any], depth: int) -> tuple[str, ...]:
    for key in _CHOSEN:
        if key in value:
            return labels_in(value[key], depth + 1)
    ticked = [str(key) for key, one in value.items() if one is True]
    if ticked:
        return tuple(ticked)
    return labels_in(list(value.values()), depth + 1) if len(value) == 1 else ()


def whole(text: str) -> str:
    """Writes `3.0` as `3`. Tools write whole numbers as `3.0` if the column has gaps."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text


def are_numbers(labels: Iterable[str]) -> bool:
    """True if all labels are whole numbers."""
    return all(_WHOLE.fullmatch(label) for label in labels)


def numbered_names(text: str) -> dict[int, str] | None:
    """Number to class name, from a file that lists class names; None for any other file.

    It has one name per line in order, lines such as `0 cat` or `cat,0`, or the same as JSON.
    """
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return _numbered_json(json.loads(text))
        except (ValueError, RecursionError):
            return None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any(len(line) > _LONGEST_LINE for line in lines):
        return None
    first = [re.fullmatch(r"(\d{1,6})\s*[\s,;:=]\s*(.+)", line) for line in lines]
    if lines and all(first):
        return {int(m[1]): m[2].strip(" '\"") for m in first if m}
    last = [re.fullmatch(r"(.+?)\s*[\s,;:=]\s*(\d{1,6})", line) for line in lines]
    if lines and all(last):
        return {int(m[2]): m[1].strip(" '\"") for m in last if m}
    return dict(enumerate(line.strip(" '\"") for line in lines)) if lines else None


def _numbered_json(found: Any) -> dict[int, str] | None:
    if (
        isinstance(found, dict)
        and len(found) == 1
        and isinstance(next(iter(found.values())), list | dict)
    ):
        (found,) = found.values()
    if isinstance(found, list) and all(isinstance(name, str) for name in found):
        return dict(enumerate(found))
    if not isinstance(found, dict):
        return None
    if all(str(key).isdecimal() and isinstance(name, str) for key, name in found.items()):
        return {int(key): name for key, name in found.items()}
    if all(isinstance(number, int) for number in found.values()):
        return {number: str(name) for name, number in found.items()}
    return None
