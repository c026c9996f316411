"""Shows a run while it trains: sentences, and a progress bar on a terminal."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from jobs.progress import Fold, Progress


class Quiet:
    """Shows nothing."""

    def show(self, entry: Mapping[str, Any]) -> None:
        """One more event of the run."""


class Sentences(Quiet):
    """Prints the run's messages on stderr, from its first number on.

    Before that, the data or the model may turn out to be wrong, and only that error is printed.
    """

    def __init__(self) -> None:
        self._fold = Fold()
        self._seq = 0
        self._held: list[str] | None = []

    def show(self, entry: Mapping[str, Any]) -> None:
        """One more event of the run."""
        self._fold.add({"seq": self._seq + 1, **entry})
        progress = self._fold.progress(after=self._seq)
        self._seq += 1
        self.move(progress)
        lines = progress.log
        if self._held is not None:
            self._held += lines
            if not (progress.evaluations or progress.losses):
                return
            lines, self._held = self._held, None
        for line in lines:
            self.say(line)

    def say(self, line: str) -> None:
        """Print one sentence."""
        print(line, file=sys.stderr)

    def move(self, progress: Progress) -> None:
        """Show the progress of the run."""


class Bar(Sentences):
    """The sentences, with a progress bar below them."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        self._console = Console(stderr=True, highlight=False)
        self.bar = RichProgress(
            *columns, TimeRemainingColumn(), console=self._console, transient=True
        )
        self._task = self.bar.add_task("", total=None)
        self._phase = ""

    def say(self, line: str) -> None:
        """Print one sentence above the bar."""
        self._console.print(line, markup=False)

    def move(self, progress: Progress) -> None:
        """Move the bar."""
        if progress.phase != self._phase:  # phases differ in speed
            self._phase = progress.phase
            self.bar.reset(self._task)
        loss = f"  loss {progress.losses[-1][1]:.4f}" if progress.losses else ""
        rate = progress.images_per_second
        speed = f"  {rate:.0f} images/s" if rate else ""
        self.bar.tasks[0].total = progress.steps or None  # `update` takes None for "as it was"
        description = f"{progress.phase}{loss}{speed}"
        self.bar.update(self._task, description=description, completed=progress.step)


@contextlib.contextmanager
def display(as_json: bool) -> Iterator[Quiet]:
    """A bar on a terminal; sentences without one; nothing for a program that wants JSON."""
    if sys.stderr.isatty():
        shown = Bar()
        with shown.bar:
            yield shown
    else:
        yield Quiet() if as_json else Sentences()
