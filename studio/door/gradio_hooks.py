"""All private parts of Gradio that the studio uses. Checked against Gradio 6.31.0.

Each one says what Gradio does and why the studio needs something else. Check them all before a new
version of Gradio is pinned.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from copy import copy
from typing import Any
from unittest import mock


@contextmanager
def no_stubs() -> Iterator[None]:
    """Import Gradio without writing its stub files, in two thirds of the time.

    Gradio writes a `.pyi` file for editors next to every component when it is imported: it parses
    the sources and renders a template for each, in a folder that may be read-only. It writes none
    if it finds no source, so the source of its classes is hidden during the import.
    """
    known = inspect.getfile

    def getfile(made: Any) -> str:
        if isinstance(made, type) and made.__module__.startswith("gradio."):
            raise OSError("no stub is wanted")
        return known(made)

    with mock.patch.object(inspect, "getfile", getfile):
        yield


with no_stubs():  # the command line imports this file before any other that needs Gradio
    import gradio as gr

    from studio.frame.view import SKIP

IDLE_SECONDS = 1.0


class SparseBlocks(gr.Blocks):
    """A page on which an unchanged output costs nothing.

    Gradio builds a component again for every `gr.skip()`, which was more than half of the cost of a
    tick (docs/speed.md). Private: `Blocks._queue`, and that `postprocess_data` reads
    `block_fn.outputs`.
    """

    def queue(self, *arguments: Any, **options: Any) -> "SparseBlocks":
        """Turn off the checks of Gradio's queue, which runs a thousand times a second: no event of
        the studio uses it.
        """
        super().queue(*arguments, **options)
        self._queue.sleep_when_free = IDLE_SECONDS
        self._queue.progress_update_sleep_when_free = IDLE_SECONDS
        return self

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> Any:
        """The values for the browser, one per output; skipped ones are passed on unchanged."""
        several = isinstance(predictions, list) and len(block_fn.outputs) > 1
        if not several or len(predictions) != len(block_fn.outputs):
            return await super().postprocess_data(block_fn, predictions, state)
        changed = [at for at, value in enumerate(predictions) if value != SKIP]
        answer: list[Any] = [dict(SKIP) for _ in predictions]
        if not changed:
            return answer
        narrow = copy(block_fn)
        narrow.outputs = [block_fn.outputs[at] for at in changed]
        values = [predictions[at] for at in changed]
        alone = len(values) == 1  # Gradio expects a single value without a list
        sent = await super().postprocess_data(narrow, values[0] if alone else values, state)
        for at, value in zip(changed, sent, strict=True):
            answer[at] = value
        return answer


def detail(event: gr.EventData) -> Mapping[str, Any]:
    """The data that a script sent with its event. Private: `EventData._data`, which has no public
    reader.
    """
    return dict(event._data or {})


Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]


def behind(wall: Callable[[Any], Any], router: Any) -> Lifespan:
    """A lifespan that adds routes to Gradio's app and puts `wall` around the whole app.

    Gradio wraps its own middleware around the one in `app_kwargs`, so ours would not be the
    outermost. The stack is complete when the app starts. Private: `app.middleware_stack`.
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        app.include_router(router)
        app.middleware_stack = wall(app.middleware_stack)
        yield

    return lifespan
