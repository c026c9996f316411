"""A page on which an output that did not change costs nothing.

Gradio 6.31 makes a component anew for every `gr.skip()`, which was more than half of what a tick
cost: `evenkeel bench visitors`.
"""

from copy import copy
from typing import Any

import gradio as gr

SKIP = gr.skip()
IDLE_SECONDS = 1.0


class SparseBlocks(gr.Blocks):
    """Blocks that look only at the outputs which an event changed."""

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
