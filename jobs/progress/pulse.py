"""Tells if a training still takes steps, by the growth of its log and by its own clock only."""

import time
from collections import deque
from pathlib import Path
from statistics import median

from jobs.progress.log import Tail, whole

BETWEEN_STEPS = 12
"""How many times longer an epoch's first step may take, or a measurement between two steps."""


class Pulse:
    """Follows the log of one attempt from where it stands now."""

    def __init__(self, log: Path, seconds: float, steps: float) -> None:
        """A training hangs after `seconds` without a step, and `steps` of its usual steps."""
        self._seconds = seconds
        self._steps = steps
        self._durations: deque[float] = deque(maxlen=50)
        self._last = ""
        self._since = time.monotonic()
        self._is_another = False
        self._log = Tail(log, self._restart)
        self._log.skip()

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
        self._is_another = False
        kinds = [str(whole(0, line)["kind"]) for line in self._log.lines()]
        return ["resumed"] if self._is_another else kinds

    def _restart(self) -> None:
        self._is_another = True
        self._log.skip()
