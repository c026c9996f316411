"""Whether a training still takes steps, from what its log gains. Compares no clocks but its own."""

import json
import time
from collections import deque
from pathlib import Path
from statistics import median

BETWEEN_STEPS = 12
"""How many times longer an epoch's first step may take, or a measurement between two steps."""


class Pulse:
    """Follows the log of one attempt from where it stands now."""

    def __init__(self, log: Path, seconds: float, steps: float) -> None:
        """A training hangs after `seconds` without a step, and `steps` of its usual steps."""
        self._log = log
        self._seconds = seconds
        self._steps = steps
        self._durations: deque[float] = deque(maxlen=50)
        self._last = ""
        self._since = time.monotonic()
        self._inode, self._offset = self._end()

    def silence(self) -> float | None:
        """Seconds without a step, once they are too many; None before, and where a run is not
        training: what loading or a last measurement may take is not known.
        """
        now = time.monotonic()
        if kinds := self._gained():
            if steps := kinds.count("step"):
                self._durations.extend([(now - self._since) / steps] * min(steps, 50))
            self._last, self._since = kinds[-1], now
        usual = median(self._durations) if self._durations else 0.0
        limit = max(self._seconds, self._steps * usual)
        if self._last == "measuring":
            limit *= BETWEEN_STEPS
        silent = now - self._since
        return silent if self._last in ("step", "measuring") and silent > limit else None

    def _gained(self) -> list[str]:
        """Kinds of the events that are new. A log that was cut back is followed from its end."""
        inode, size = self._end()
        if inode != self._inode or size < self._offset:
            self._inode, self._offset = inode, size
            return ["resumed"]
        if size == self._offset:
            return []
        with open(self._log, "rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line)["kind"] for line in whole.splitlines()]

    def _end(self) -> tuple[int, int]:
        try:
            found = self._log.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_size
