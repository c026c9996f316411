"""The folder of a data set is read no more often than a process needs it."""

from collections import Counter

import pytest

from core.data import ingest, layout
from jobs.evaluator.questions import MeasureZeroShot
from jobs.evaluator.service import Evaluator


@pytest.fixture
def reads(monkeypatch):
    """Counts how often this process lists a folder and sorts its names, from now on."""
    counted: Counter[str] = Counter()

    def count(module, name):
        real = getattr(module, name)

        def counting(*given, **named):
            counted[name] += 1
            return real(*given, **named)

        monkeypatch.setattr(module, name, counting)

    count(ingest, "list_folder")
    count(layout, "_sort_out")
    return counted


def test_an_upload_is_read_once_for_the_page_and_once_for_its_first_score(
    studio, images, reads, tiny_model
):
    names = images(studio, *(f"set/{c}/{n}.png" for c in ("fox", "owl") for n in range(4)))
    data_id, _ = studio.data_store.add_upload(names, "train", None)
    opened = studio.data_store.open(data_id)
    # The names are looked through before a byte is sent to the process that takes images in.
    assert reads == {"list_folder": 1, "_sort_out": 2}
    reads.clear()
    evaluator = Evaluator(studio.settings)
    question = MeasureZeroShot(data=opened.dataset.root, model=str(tiny_model))
    answer = evaluator.answer(question)
    assert answer.folders == ["fox", "owl"]
    assert reads == {"list_folder": 1, "_sort_out": 1}
    reads.clear()
    evaluator.answer(question)
    assert reads == {"list_folder": 1, "_sort_out": 1}, "once, to see that nothing has changed"


def test_a_data_set_that_grew_after_its_upload_is_read_again(studio, images, reads):
    first = images(studio, "set/fox/1.png", "set/owl/1.png")
    data_id, _ = studio.data_store.add_upload(first, "train", None)
    studio.data_store.add_upload(images(studio, "more/elk/1.png"), "train", data_id)
    assert studio.data_store.open(data_id).dataset.classes == ("elk", "fox", "owl")
    assert reads["list_folder"] == 2
