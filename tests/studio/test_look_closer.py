"""An image of the errors is looked at like a photo: the run's own, and nobody else's."""

import pytest

from core.errors import UserError
from core.results.photo import PhotoAnswer
from core.results.records import RunConfig
from core.results.standing import FINE_TUNED
from jobs.evaluator.questions import Predict
from studio.people.visitors import Visitor
from studio.workspace import Workspace
from tests.studio.conftest import stand_in

NOTHING = PhotoAnswer(familiarity=None, map=None, gate=None, columns=[])


@pytest.fixture
def seen(studio, mine, images):
    """A run on a data set of two classes, and the hash of one of its images."""
    rels = [f"pets/{name}/{i}.png" for name in ("cat", "dog") for i in range(3)]
    data_id, _ = studio.data_store.add_upload(images(studio, *rels), "train", None)
    config = RunConfig(data=str(studio.data_store.path(data_id)), method="ft", shots=1)
    job = studio.ledger.submit(config)
    studio.folder(job.id).create(config)
    return job.id, next(iter(studio.data_store.open(data_id).images))


@pytest.fixture
def asked(studio):
    questions = []
    stand_in(studio, Predict, lambda question: questions.append(question) or NOTHING)
    return questions


def test_the_evaluator_is_asked_about_the_file_itself(mine, seen, asked):
    run_id, sha256 = seen
    assert mine.answers.look_closer(run_id, sha256, 5.0) == NOTHING
    [question] = asked
    assert (question.run_id, question.mixing) == (run_id, FINE_TUNED)
    assert question.image == mine.data.image(mine.runs.data_of_run(run_id), sha256)
    assert question.image.is_file()


@pytest.mark.parametrize("sha256", ["0" * 64, "../../evenkeel.db", ""])
def test_what_is_no_image_of_the_data_set_is_refused(mine, seen, asked, sha256):
    with pytest.raises(UserError, match="image"):
        mine.answers.look_closer(seen[0], sha256, 5.0)
    assert asked == []


def test_another_visitor_sees_no_image_by_its_hash(studio, seen, asked):
    stranger = Workspace(studio, Visitor("visitor", "someone-else", token="t" * 43))
    with pytest.raises(UserError):
        stranger.answers.look_closer(*seen, 5.0)
    assert asked == []
