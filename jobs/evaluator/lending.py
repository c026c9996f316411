"""The last few things that took long to make, each lent to one caller at a time."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class _Slot(Generic[T]):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: T | None = None


class LendingCache(Generic[T]):
    """Keeps `size` values; the one that was not asked for longest makes room."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._slots: OrderedDict[str, _Slot[T]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def borrow(self, key: str, make: Callable[[], T]) -> Iterator[T]:
        """The value of `key`, made if it is not here. Nobody else has it at that time.

        What `make` raises reaches the caller, and the next caller makes it again.
        """
        with self._lock:
            slot = self._slots.pop(key, None) or _Slot()
            self._slots[key] = slot
            while len(self._slots) > self._size:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.value is None:
                slot.value = make()
            yield slot.value
