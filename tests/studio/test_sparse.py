"""Unchanged outputs are skipped: the browser gets the same values, and no component is built."""

import asyncio

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from studio.door.gradio_hooks import SKIP, SparseBlocks

PREDICTIONS = [
    [SKIP, SKIP, SKIP],
    ["a", SKIP, SKIP],
    [SKIP, gr.update(visible=False), "c"],
    ["a", "b", "c"],
]


def answered(blocks_class, predictions):
    """The values for the browser, and the number of components built for them."""
    return asyncio.run(_answered(blocks_class, predictions))


async def _answered(blocks_class, predictions):
    with blocks_class() as blocks:
        outputs = [gr.HTML() for _ in range(3)]
        blocks.load(lambda: None, None, outputs)
    made = []
    init = gr.HTML.__init__

    def counting(self, *given, **named):
        made.append(self)
        init(self, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gr.HTML, "__init__", counting)
        event = blocks.default_config.fns[0]
        sent = await blocks.postprocess_data(event, list(predictions), SessionState(blocks))
    return sent, len(made)


def meant(sent):
    """Without the property `__type__`, which Gradio gives to every HTML that it skips."""
    return [
        {key: value for key, value in each.items() if key != "props"}
        if isinstance(each, dict)
        else each
        for each in sent
    ]


@pytest.mark.parametrize("predictions", PREDICTIONS)
def test_the_browser_is_sent_what_gradio_alone_would_send(predictions):
    ours, theirs = (answered(kind, predictions)[0] for kind in (SparseBlocks, gr.Blocks))
    assert meant(ours) == meant(theirs)


def test_an_output_that_is_skipped_makes_no_component():
    nothing = [SKIP, SKIP, SKIP]
    assert answered(SparseBlocks, nothing)[1] == 0
    assert answered(gr.Blocks, nothing)[1] == 3, "Gradio no longer does: the class can go"


def test_an_answer_of_the_wrong_length_is_still_refused():
    with pytest.raises(ValueError, match="output"):
        answered(SparseBlocks, ["a"])


@pytest.mark.parametrize(
    ("blocks_class", "looks_often"), [(SparseBlocks, False), (gr.Blocks, True)]
)
def test_the_queue_that_none_of_our_events_waits_in_sleeps(monkeypatch, blocks_class, looks_often):
    looks = []

    async def process():
        queue = blocks_class()._queue
        monkeypatch.setattr(type(queue), "__len__", lambda _: looks.append(1) or 0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.start_processing(), 0.2)

    asyncio.run(process())
    assert (len(looks) > 10) is looks_often
