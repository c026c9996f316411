"""The stress set on the data place: where it is shown, and with which numbers."""

import pytest

from core.data.stress import EFFECTS
from core.results.records import RunConfig
from studio.data import words
from studio.data.stress_set import stress_set
from tests.studio.conftest import score


@pytest.fixture
def opened(studio, images):
    """A data set without an OOD domain."""
    files = images(studio, *(f"set/{c}/{i}.png" for c in "ab" for i in range(3)))
    data_id, _ = studio.data_store.add_upload(files, "train", None)
    return studio.data_store.open(data_id)


def finish(studio, record, path, stress, **asked):
    config = RunConfig(data=path, method="ft", **asked)
    job = studio.ledger.submit(config)
    folder = studio.folder(job.id)
    folder.create(config)
    changed = {"run_id": job.id, "config": config.model_dump(mode="json"), "stress": stress}
    record.model_copy(update=changed).write(folder.record_path)
    studio.ledger.finish(studio.ledger.claim("w"), "done")


def test_every_effect_is_shown_with_what_is_known_of_it_and_called_synthetic(opened):
    page = stress_set(opened, {"night": score(12, 20)})
    assert [f"-{effect}.webp" in page for effect in EFFECTS] == [True] * 8
    assert page.count(words.Data.stress_unknown) == 7
    assert "60.0" in page
    assert "n 20" in page
    assert "synthetic" in page


def test_a_data_set_with_an_ood_domain_is_judged_on_that(studio):
    assert stress_set(studio.data_store.open(studio.data_store.add_demo()), {}) == ""


def test_the_numbers_are_of_the_model_and_the_prompts_that_are_chosen(studio, mine, opened, record):
    path, stress = str(studio.data_store.path(opened.data_id)), {"zero-shot": {"blur": score(1, 2)}}
    finish(studio, record, path, stress, templates=("a {}", "the {}"))
    finish(studio, record, path, {}, templates="tip-7")
    known = mine.runs.zero_shot_stress
    assert known(opened.data_id, "embedded", ["a {}", "the {}"]) == stress["zero-shot"]
    for other in (("embedded", "tip-7"), ("embedded", "dataset"), ("x", ["a {}", "the {}"])):
        assert known(opened.data_id, *other) == {}
