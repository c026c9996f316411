"""The progress of a run, read from its event log.

`log` reads a log as it grows, `folding` makes a `Progress` of events, and `curves` keeps an even
part of the points. `brief` needs a few lines only. `pulse` tells if a training still takes steps.
"""

import threading
from functools import lru_cache
from pathlib import Path

from core.results.runs import RunFolder
from jobs.progress.brief import read_brief as read_brief
from jobs.progress.folding import WINDOW as WINDOW
from jobs.progress.folding import Fold as Fold
from jobs.progress.folding import Progress as Progress
from jobs.progress.folding import fold as fold
from jobs.progress.log import Tail


class Reader:
    """Follows one run's log.

    Each reading parses only what was written since the last, by any thread.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._log = Tail(path, self._forget)
        self._forget()

    def read(self, after: int = 0) -> Progress:
        """The progress by now; see `Progress` for `after`."""
        with self._lock:
            for line in self._log.lines():
                self._seq += 1
                self._fold.add_line(self._seq, line)
            return self._fold.progress(after)

    def _forget(self) -> None:
        self._seq = 0
        self._fold = Fold()


@lru_cache(maxsize=64)
def _reader(path: Path) -> Reader:
    return Reader(path)


def read_progress(folder: RunFolder, after: int = 0) -> Progress:
    """The progress of a run.

    Cheap to call every second: the last 64 runs' logs are followed, not re-read.
    """
    return _reader(folder.events_path).read(after)
