"""Every private part of Gradio that the studio touches. Checked against Gradio 6.31.0.

Each says what Gradio does by itself and why that does not do here. A new version of Gradio is
pinned only after each of them was looked at again.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from copy import copy
from typing import Any
from unittest import mock


@contextmanager
def no_stubs() -> Iterator[None]:
    """Import Gradio without its stub files, in two thirds of the time.

    Gradio writes a `.pyi` for editors next to every component whenever it is imported: it parses
    the sources and renders a template for each, in a folder that may not even be ours to write in.
    It writes none where it finds no source, so its classes have none meanwhile.
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
    """A page on which an output that did not change costs nothing.

    Gradio makes a component again for every `gr.skip()`, which was more than half of what a tick
    cost (docs/speed.md). Private: `Blocks._queue`, and that `postprocess_data` reads
    `block_fn.outputs`.
    """

    def queue(self, *arguments: Any, **options: Any) -> "SparseBlocks":
        """Gradio's queue, of which we use no event: it need not look for one a thousand times a
        second.
        """
        super().queue(*arguments, **options)
        self._queue.sleep_when_free = IDLE_SECONDS
        self._queue.progress_update_sleep_when_free = IDLE_SECONDS
        return self

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> Any:
        """What the browser is sent, output by output; a skipped one is passed on as it is."""
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
        alone = len(values) == 1  # then Gradio expects it without a list
        sent = await super().postprocess_data(narrow, values[0] if alone else values, state)
        for at, value in zip(changed, sent, strict=True):
            answer[at] = value
        return answer


def detail(event: gr.EventData) -> Mapping[str, Any]:
    """What a script sent with its event. Private: `EventData._data`, which has no public reader."""
    return dict(event._data or {})


Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]


def behind(wall: Callable[[Any], Any], router: Any) -> Lifespan:
    """A lifespan that puts routes on Gradio's app and a wall around all of it.

    Gradio wraps middleware of its own around what `app_kwargs` can name, so ours would not be the
    outermost. When the app starts its stack is complete. Private: `app.middleware_stack`.
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        app.include_router(router)
        app.middleware_stack = wall(app.middleware_stack)
        yield

    return lifespan
