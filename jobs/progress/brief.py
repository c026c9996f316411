"""The progress of a run without curves and messages, from a few lines of its log."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.results.runs import RunFolder
from jobs.progress.folding import WINDOW, Fold, Progress
from jobs.progress.log import state_of, whole

_STEP = b'"kind": "step"'
_COUNTED = (_STEP, b'"kind": "advanced"')
"""What counts the progress of a phase."""
_RESUMED = b'"kind": "resumed"'
_TURNS = (b'"kind": "stage"', _RESUMED)
"""What a phase begins with. Inside of a sentence the quotes would have backslashes."""
_RECOMMENDED = b'"kind": "recommended"'
_ZERO = b'"label": "zero-shot"'
_LOOKS = (b'"label": "fine-tuned"', b'"label": "training"', _ZERO)
"""Measurements along the way, the likelier to stand at the end first."""


def read_brief(folder: RunFolder) -> Progress:
    """The part of `read_progress` on phase, steps, speed and time left, of the first and the newest
    accuracies, and of the verdict; all else is empty. A log that did not change is not read again.
    """
    inode, size = state_of(folder.events_path)
    return _read(folder.events_path, inode, size) if inode else Progress()


@lru_cache(maxsize=1024)
def _read(path: Path, _inode: int, _size: int) -> Progress:
    # Not mapped: a log may be cut while we look at it, and looking at what is gone is deadly.
    log = path.read_bytes()
    fold = Fold()
    for number, start in enumerate(sorted(set(_lines(log))), start=1):
        fold.add(whole(number, log[start : log.index(b"\n", start)]))
    unknown: dict[str, Any] = {"seq": 0, "started": None}
    return replace(fold.progress(), **unknown, losses=[], updates=[], terms={}, warnings=[], log=[])


def _lines(log: bytes) -> Iterator[int]:
    """Positions of the lines that decide."""
    end = log.rfind(b"\n") + 1  # what follows is still being written
    if not end:
        return
    turn = max(log.rfind(kind, 0, end) for kind in _TURNS)
    begin = _start(log, turn)
    again = max(0, log.rfind(_RESUMED, 0, end))  # what was said before no longer holds
    told = (log.find(_ZERO, 0, end), _newest(log, end), log.rfind(_RECOMMENDED, again, end))
    for place in (turn, log.rfind(_STEP, 0, begin), *told):
        if place >= 0:
            yield _start(log, place)
    at, steps = end, 0
    while at > begin and steps < WINDOW:
        at, after = _start(log, at - 2), at
        steps += any(log.find(kind, at, after) >= 0 for kind in _COUNTED)
        yield at


def _newest(log: bytes, end: int) -> int:
    newest = -1
    for label in _LOOKS:
        newest = max(newest, log.rfind(label, max(newest, 0), end))
    return newest


def _start(log: bytes, place: int) -> int:
    """The start of the line that holds the position `place`."""
    return log.rfind(b"\n", 0, max(place, 0)) + 1
