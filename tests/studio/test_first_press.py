"""A press counts, also right after the start: nobody waits for the evaluator."""

from studio.train.page import TrainPage
from studio.workspace.session import Place, Session


def test_a_press_is_queued_where_no_evaluator_answers(studio, mine):
    data_id = studio.data_store.add_demo()
    page = TrainPage.__new__(TrainPage)
    page._studio = studio
    session = Session(mine, Place(data=data_id, tab="train"))
    assert not studio.settings.socket_path.exists()
    page._queue(session, {"do": "queue"})
    [job] = mine.runs.jobs()
    assert (job.id, session.place.tab) == (session.place.run, "live")
    assert job.config["params"]["weight_decay"] == 0.0, "every setting is spelled out"
