"""Limits the number of events in a minute, by key."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

_KEYS = 4096
"""The most keys that are counted; the least recent one is dropped first. Limits on all keys
together have a counter of their own.
"""


class Rate:
    """At most `limit` events in any `seconds`, counted for each key separately."""

    def __init__(
        self, limit: int, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit = limit
        self._seconds = seconds
        self._clock = clock
        self._times: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def is_full(self, key: Hashable) -> bool:
        """True if one more event would exceed the limit."""
        with self._lock:
            return len(self._recent(key)) >= self.limit

    def count(self, key: Hashable) -> bool:
        """Count an event and return True; False if it exceeds the limit."""
        with self._lock:
            times = self._recent(key)
            if len(times) >= self.limit:
                return False
            times.append(self._clock())
            return True

    def _recent(self, key: Hashable) -> deque[float]:
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        while len(self._times) > _KEYS:
            self._times.popitem(last=False)
        oldest = self._clock() - self._seconds
        while times and times[0] <= oldest:
            times.popleft()
        return times
