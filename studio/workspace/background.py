"""Runs slow questions: each is asked once, stored, and read by every tick of every page."""

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from core.errors import UserError
from studio.workspace import words

log = logging.getLogger(__name__)
T = TypeVar("T")
KEPT = 64
AT_ONCE = 4
NICE = 10


@dataclass(frozen=True)
class Answer(Generic[T]):
    """The state of a question: waiting, ready or failed."""

    state: Literal["waiting", "ready", "failed"]
    value: T = None  # type: ignore[assignment]
    """Read it only if the answer is ready; None before."""
    error: str = ""
    version: int = 0


class Background:
    """Runs each question once in a thread; a failed one is asked again only on request.

    Questions that wait for the evaluator do not delay those that are computed in this process.
    """

    def __init__(self, unavailable: type[Exception], patience_seconds: float = 90.0) -> None:
        self._unavailable = unavailable
        self._patience = patience_seconds
        self._waiters = _pool("studio-waits")
        self._workers = _pool("studio-works")
        self._answers: OrderedDict[Hashable, Answer[Any]] = OrderedDict()
        self._lock = threading.Lock()
        self._version = 0

    def ask(self, key: Hashable, question: Callable[[], T], here: bool = False) -> Answer[T]:
        """The answer, as far as it is known; the first call starts the work.

        `here`: this process does the work, not the evaluator.
        """
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
            self._answers[key] = Answer("waiting")
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        (self._workers if here else self._waiters).submit(self._work, key, question)
        return Answer("waiting")

    def known(self, key: Hashable) -> Answer[Any] | None:
        """The answer if it was ever asked for."""
        with self._lock:
            return self._answers.get(key)

    def forget(self, key: Hashable) -> None:
        """Remove an answer, so that the next `ask` starts again."""
        with self._lock:
            self._answers.pop(key, None)

    @property
    def waiting(self) -> bool:
        """True if any question is still open, in which case the page must keep ticking."""
        with self._lock:
            return any(answer.state == "waiting" for answer in self._answers.values())

    @property
    def version(self) -> int:
        """The number of answers that have arrived."""
        with self._lock:
            return self._version

    def finish(self) -> None:
        """Wait for all open questions; no question can be asked afterwards."""
        for pool in (self._waiters, self._workers):
            pool.shutdown(wait=True)

    def _work(self, key: Hashable, question: Callable[[], Any]) -> None:
        try:
            answer: Answer[Any] = Answer("ready", self.patiently(question))
        except UserError as error:
            answer = Answer("failed", error=str(error))
        except Exception as error:  # the page must show it instead of waiting for ever
            log.exception("an answer failed")
            answer = Answer("failed", error=words.Workspace.wrong.format(kind=type(error).__name__))
        self._put(key, answer)

    def _put(self, key: Hashable, answer: Answer[Any]) -> None:
        with self._lock:
            self._version += 1
            self._answers[key] = replace(answer, version=self._version)

    def patiently(self, question: Callable[[], T], seconds: float | None = None) -> T:
        """Ask until the evaluator has started or restarted, which takes some seconds."""
        until = time.monotonic() + (self._patience if seconds is None else seconds)
        while True:
            try:
                return question()
            except self._unavailable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.4)


def _pool(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix=name, initializer=_lower_priority)


def _lower_priority() -> None:
    """Lower the priority of this thread and of those that it starts, so that pages come first."""
    if sys.platform == "linux":  # elsewhere it would be the whole process
        os.nice(NICE)
