"""The prototypes on the page: use and cluster of each template, before and after a choice."""

import json
import re
import time

import pytest

from core.errors import UserError
from core.results.correction import Correction, TemplateClusters
from core.results.records import RunConfig
from jobs.evaluator.questions import CorrectTemplates
from studio.lab.prototypes import (
    PrototypesPanel,
    PrototypesView,
    chosen,
    template_choice,
    template_summary,
    unticked,
)
from studio.lab.prototypes_chart import centres_of, templates_chart, uses_of
from studio.people.visitors import Visitor
from studio.train.same_run import as_typed, config_of
from studio.workspace import Workspace
from studio.workspace.session import Place, Session
from tests.studio.conftest import NASTY, stand_in
from tests.studio.test_error_lab import in_a_thread

TEMPLATES = ["a {}.", "art of a {}.", "a sketch, of a {}.", f"a {NASTY} {{}}."]
PLACES = [(0.0, 0.0), (2.0, 0.0), (0.0, 4.0), (9.0, 9.0)]
BEFORE = TemplateClusters(excluded=[], clusters=[0, 0, 1, None])
AFTER = TemplateClusters(excluded=["art of a {}."], clusters=[1, None, 0, 0])


def made(after=None, before=BEFORE):
    return Correction(
        templates=TEMPLATES, classes=3, places={"tsne": PLACES, "pca": PLACES}, explained=0.4,
        before=before, after=after, pairs=[(0, 1), (1, 0)] if after else [],
    )  # fmt: skip


def traces(value):
    return {t["name"]: t for t in value["figure"]["data"] if t.get("showlegend") is not False}


def test_each_template_is_kept_odd_or_excluded():
    assert uses_of(made(), BEFORE) == ["kept", "kept", "kept", "odd"]
    assert uses_of(made(AFTER), AFTER) == ["kept", "excluded", "kept", "kept"]
    shown = {name: len(t["x"]) for name, t in traces(_chart(made())).items()}
    assert shown == {"kept (3)": 3, "left out as odd (1)": 1, "centre (2)": 2}


def _chart(found, by="use"):
    return templates_chart(found, by, "pca", "r")


def test_a_centre_stands_amid_its_templates():
    assert centres_of(BEFORE.clusters, PLACES) == {0: (1.0, 0.0), 1: (0.0, 4.0)}


def test_arrows_lead_from_a_centre_to_what_became_of_it():
    again = _chart(made(AFTER))
    arrows = [
        [(a["ax"], a["ay"]), (a["x"], a["y"])] for a in again["figure"]["layout"]["annotations"]
    ]
    assert arrows == [[(1.0, 0.0), (0.0, 0.0)], [(0.0, 4.0), (4.5, 6.5)]]
    assert {"centre before (2)", "centre (2)"} <= set(traces(again))
    still = made(AFTER.model_copy(update={"clusters": BEFORE.clusters})).model_copy(
        update={"pairs": [(0, 0), (1, 1)]}
    )
    assert _chart(still)["figure"]["layout"]["annotations"] == [], "the control: none moved"


def test_the_table_has_every_template_before_and_after():
    first, again = (_chart(made(after))["table"] for after in (None, AFTER))
    assert first["rows"][3] == [TEMPLATES[3], "left out as odd", "–"]
    assert again["rows"][1] == ["art of a {}.", "kept", "1", "excluded", "–"]
    assert len(again["columns"]) == len(again["rows"][0])


def test_by_cluster_each_has_a_mark_of_its_own_and_the_odd_stay_odd():
    data = _chart(made(), "cluster")["figure"]["data"]
    marks = [(t["marker"]["color"], t["marker"]["symbol"]) for t in data if "text" in t]
    assert len(marks) == len(set(marks)) == 4, "two clusters, the odd ones, the centres"
    assert "left out as odd (1)" in traces(_chart(made(), "cluster"))


def test_what_changed_is_named_but_not_what_was_excluded():
    again = template_summary(made(AFTER), PrototypesView(), waiting=False)
    assert re.findall(r"<b>(\d+)</b>", again) == ["4", "3", "3", "3", "1", "0", "2", "2"]
    assert "One template has another use" in again
    assert "(kept)" in again
    assert "art of a" not in again
    same = AFTER.model_copy(update={"clusters": [0, None, 1, None]})
    assert "No other template" in template_summary(made(same), PrototypesView(), waiting=False)
    assert "re-estimated" not in template_summary(made(), PrototypesView(), waiting=False)


def test_templates_are_text():
    markup = template_choice(made(), (), None, may_act=True) + template_summary(
        made(AFTER), PrototypesView(), waiting=False
    )
    assert "onerror" in markup
    assert "<img" not in markup
    figure = json.dumps(_chart(made())["figure"])
    assert "onerror" in figure
    assert "<img" not in figure


@pytest.mark.parametrize("asked", [{}, {"by": NASTY, "plane": NASTY}])
def test_only_what_there_is_can_be_chosen(asked):
    now = chosen(made(), PrototypesView(**asked))
    assert (now.by, now.plane) == ("use", "tsne")
    assert chosen(made(), PrototypesView("cluster", "pca")).plane == "pca"


def test_a_box_that_is_not_ticked_leaves_its_template_out():
    form = {"t0": True, "t1": False, "t2": "false", "t3": True, "t99": False}
    assert unticked(made(), form) == ("art of a {}.",)


@pytest.mark.parametrize("value", [TEMPLATES, ["red fox", "owl"], [1, 2.5], ["a, b"]])
def test_a_list_reads_back_from_the_field_of_the_form(value):
    knob = {"name": "x", "type": "tuple", "items": type(value[-1]).__name__, "default": []}
    catalogue = {"methods": [{"name": "m", "knobs": [knob]}], "run_knobs": []}
    draft = {"method": "m", "model": "embedded", "templates": "dataset"}
    draft["fields"] = {"params.x": as_typed(value)}
    assert config_of("/data", draft, catalogue)["params"]["x"] == value


def test_a_simple_list_stays_as_a_person_would_type_it():
    assert as_typed(("red fox", "owl")) == "red fox, owl"


@pytest.fixture
def panel(studio):
    return in_a_thread(lambda: PrototypesPanel(studio))


@pytest.fixture
def asked(studio):
    """The evaluator's questions; it answers with the estimates above."""
    questions = []

    def answer(question):
        questions.append(question.excluded)
        return made(AFTER if question.excluded else None)

    stand_in(studio, CorrectTemplates, answer)
    return questions


@pytest.fixture
def session(mine, run):
    return Session(mine, Place(run=run.run_id, tab="lab"))


def opened(panel, session):
    panel.look(session, {})
    settle(session)


def settle(session):
    """Wait for what was asked."""
    while session.mine.studio.background.waiting:
        time.sleep(0.01)


def form(*excluded):
    return {"form": {f"t{i}": text not in excluded for i, text in enumerate(TEMPLATES)}}


def drawn(panel, session):
    return [view.draw(session) for view in panel.views]


def test_the_panel_offers_a_look_then_shows_before_and_after(panel, session, asked):
    assert 'data-do="look-at-templates"' in drawn(panel, session)[0]
    opened(panel, session)
    assert asked == [None]
    head, body, picture, choice, drifting, _ = drawn(panel, session)
    assert body["visible"]
    assert not drifting["visible"], "this run has no looks at its prototypes"
    assert "re-estimated" not in head
    assert choice.count("checked") == 4
    panel.estimate(session, form("art of a {}."))
    settle(session)
    assert asked == [None, ("art of a {}.",)]
    head, _, picture, choice, *_ = drawn(panel, session)
    assert "re-estimated" in head
    assert picture["figure"]["layout"]["annotations"]
    assert choice.count("checked") == 3
    panel.include_all(session, {})
    head, _, _, choice, *_ = drawn(panel, session)
    assert "re-estimated" not in head
    assert choice.count("checked") == 4
    assert len(asked) == 2, "that is how the run was: it is known"


def test_looking_otherwise_does_not_redraw_what_is_ticked(panel, session, asked):
    opened(panel, session)
    picture, choice = panel.views[2], panel.views[3]
    before = picture.depends(session), choice.depends(session)
    panel.show(session, {"by": "cluster", "other": "x"})
    assert session.of(PrototypesView) == PrototypesView(by="cluster")
    assert picture.depends(session) != before[0]
    assert choice.depends(session) == before[1]


def test_too_few_templates_are_refused_at_once(panel, session, asked):
    opened(panel, session)
    panel.estimate(session, form(*TEMPLATES[:3]))
    assert "at least 2 of the 4" in drawn(panel, session)[3]
    assert asked == [None]
    panel.estimate(session, form(*TEMPLATES[:2]))
    assert "at least" not in drawn(panel, session)[3]


def test_what_failed_is_said_beside_the_choice(studio, panel, session, asked):
    opened(panel, session)

    def fail(*_question):
        raise UserError("data: it has moved.")

    stand_in(studio, CorrectTemplates, fail)
    panel.estimate(session, form("a {}."))
    settle(session)
    assert "it has moved" in drawn(panel, session)[3]


def test_a_stranger_and_a_guest_change_nothing(studio, panel, run, mine, session, asked):
    opened(panel, session)
    nobody = Workspace(studio, Visitor("visitor", "someone-else", token="t" * 43))
    assert drawn(panel, Session(nobody, Place(run=run.run_id)))[0] == ""
    with pytest.raises(UserError):
        panel.look(Session(nobody, Place(run=run.run_id)), {})
    guest = Workspace(studio, Visitor("guest", None, run=run.run_id))
    choice = drawn(panel, Session(guest, Place(run=run.run_id)))[3]
    assert "data-do" not in choice
    assert choice.count("disabled") == 4


CATALOGUE = {
    "methods": [
        {"name": "ft", "title": "FT", "knobs": []},
        {
            "name": "fd-align",
            "title": "FD-Align",
            "knobs": [
                {"name": "excluded_templates", "type": "tuple", "default": []},
                {"name": "lr", "type": "float", "default": None},
            ],
        },
    ],
    "interpolators": [],
    "run_knobs": [],
    "models": [],
}


@pytest.mark.parametrize(("method", "lr"), [("fd-align", "0.1"), ("ft", None)])
def test_the_choice_goes_into_the_form_of_the_next_run(
    studio, mine, panel, asked, record, method, lr
):
    studio.catalogue = CATALOGUE
    data_id = studio.data_store.add_demo()
    config = RunConfig(data=str(mine.data.path(data_id)), method=method, params={"lr": 0.1})
    job = studio.ledger.submit(config)
    studio.folder(job.id).create(config)
    record.model_copy(update={"run_id": job.id}).write(studio.folder(job.id).record_path)
    session = Session(mine, Place(run=job.id, tab="lab"))
    opened(panel, session)
    panel.use(session, form("art of a {}."))
    draft = mine.draft(data_id)
    assert draft["method"] == "fd-align", "the one that has the knob"
    assert draft["fields"]["params.excluded_templates"] == "art of a {}."
    assert draft["fields"].get("params.lr") == lr, "another method's knobs are not taken over"
    assert (session.place.tab, session.place.data) == ("train", data_id)
    assert "leaves out 1" in session.notices["train"].text


def test_a_run_on_a_folder_elsewhere_cannot_be_followed_by_another(panel, session, asked):
    opened(panel, session)
    panel.use(session, form("art of a {}."))
    assert session.place.tab == "lab"
    assert session.notices["prototypes"].level == "error"
