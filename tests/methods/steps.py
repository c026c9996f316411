"""The steps of a training, without its other events."""

from collections.abc import Generator, Iterable
from typing import Any

from core.events import Event, Step


def steps_of(fit: Iterable[Event]) -> Generator[Step, None, Any]:
    """Yields only the steps; returns what the training returns."""
    events = iter(fit)
    while True:
        try:
            event = next(events)
        except StopIteration as stop:
            return stop.value
        if isinstance(event, Step):
            yield event
