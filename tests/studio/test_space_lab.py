"""The feature space on the page: one plane for both ends, a name for what can be told apart."""

import json

import numpy as np
import pytest

from core.data.dataset import Item
from core.errors import UserError
from core.evaluation.space import map_features
from core.results.space import ENDS
from jobs.evaluator.questions import MapFeatures
from studio.lab.page import LabPage
from studio.lab.space import MOST_NAMED, SpacePanel, SpaceView, chosen, space_chart, space_lab
from studio.people.visitors import Visitor
from studio.workspace import Workspace
from studio.workspace.session import Place, Session
from tests.studio.conftest import NASTY, stand_in
from tests.studio.test_error_lab import in_a_thread


def made(classes=2, each=3, moved=0.5, measured=None, names=None):
    """`each` images of every class in two domains, around a direction for each class."""
    items = [Item(f"{i}.png", i // each, f"{i:064x}") for i in range(classes * each)]
    domains = {"test": items, f"ood/{NASTY}": items}
    random = np.random.default_rng(0)
    labels = np.tile(np.repeat(np.arange(classes), each), 2)
    before = np.eye(classes + 1)[labels] + random.normal(0, 0.3, (len(labels), classes + 1))
    after = before + moved * np.eye(classes + 1)[labels]
    return map_features(
        0.3,
        names or [f"class {i}" for i in range(classes)],
        domains,
        {end: f / np.linalg.norm(f, axis=1, keepdims=True)
         for end, f in (("zero-shot", before), ("alpha", after))},
        measured=measured or len(labels),
        seed=0,
    )  # fmt: skip


def named(value):
    return {trace["name"]: len(trace["x"]) for trace in value["figure"]["data"]}


def test_the_images_are_drawn_by_class_or_by_domain():
    space = made()
    assert named(space_chart(space, "alpha", "class", "pca", "r")) == {
        "class 0": 6, "class 1": 6,
    }  # fmt: skip
    by_domain = space_chart(space, "alpha", "domain", "tsne", "r")
    assert named(by_domain) == {"ID test": 6, NASTY: 6}
    rows = by_domain["table"]["rows"]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("ID test", "6", NASTY), (NASTY, "6", "ID test"),
    ]  # fmt: skip


def test_no_two_domains_look_alike():
    space = made()
    space = space.model_copy(update={"domains": ["val", "test"]})
    data = space_chart(space, "alpha", "domain", "pca", "r")["figure"]["data"]
    assert len({(t["marker"]["color"], t["marker"]["symbol"]) for t in data}) == len(data) == 2


def test_both_ends_have_the_same_axes_and_other_places():
    space = made()
    figures = [space_chart(space, end, "class", "pca", "r")["figure"] for end in ENDS]
    one, other = figures
    assert one["layout"] == other["layout"]
    assert one["data"][0]["x"] != other["data"][0]["x"]


def test_of_many_classes_the_hardest_have_a_name():
    space = made(classes=MOST_NAMED + 3, each=2)
    value = space_chart(space, "alpha", "class", "pca", "r")
    assert len(value["figure"]["data"]) == MOST_NAMED + 1
    assert value["figure"]["data"][0]["name"] == "other classes (3)"
    assert len(value["table"]["rows"]) == MOST_NAMED + 3, "the table has them all"
    marks = {
        (t["marker"]["color"], t["marker"]["symbol"]) for t in value["figure"]["data"][1:]
    }  # fmt: skip
    assert len(marks) == MOST_NAMED, "no two look alike"
    rows = {row[0]: float(row[2].replace("−", "-")) for row in value["table"]["rows"]}
    least = {t["name"] for t in value["figure"]["data"][1:]}
    assert max(rows[name] for name in least) <= min(v for k, v in rows.items() if k not in least)


def test_names_are_text():
    space = made(names=[NASTY, "b"])
    for by in ("class", "domain"):
        figure = space_chart(space, "alpha", by, "pca", "r")["figure"]
        templates = json.dumps([(t["hovertemplate"], t["text"]) for t in figure["data"]])
        assert "onerror" in templates
        assert "<img" not in templates


def test_what_is_shown_is_said_with_its_number():
    whole = space_lab(made(), SpaceView())
    assert "All 12 measured images" in whole
    assert "12 of 1\u202f000 measured" in space_lab(made(measured=1000), SpaceView())
    assert "as it was" in space_lab(made(moved=0.0), SpaceView())
    assert "as it was" not in whole


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({}, ("class", "tsne")),
        ({"by": "domain", "plane": "pca"}, ("domain", "pca")),
        ({"by": NASTY, "plane": "places"}, ("class", "tsne")),
    ],
)
def test_only_what_there_is_can_be_chosen(asked, shown):
    now = chosen(made(), SpaceView(**asked))
    assert (now.by, now.plane) == shown


@pytest.fixture
def panel(studio):
    return in_a_thread(lambda: SpacePanel(studio))


def drawn(panel, session):
    return [view.draw(session) for view in panel.views]


def test_the_panel_offers_to_map_then_shows_the_map_of_the_chosen_alpha(studio, mine, run, panel):
    asked = []
    stand_in(studio, MapFeatures, lambda question: asked.append(question) or made())
    session = Session(mine, Place(run=run.run_id, tab="lab"))
    before = panel.views[0].depends(session)
    assert 'data-do="map-features"' in drawn(panel, session)[0]
    panel.map_features(session, {})
    panel.map_features(session, {})
    studio.background.finish()
    assert asked == [MapFeatures(run_id=run.run_id, alpha=0.3)], "asked once"
    head, row, *charts = drawn(panel, session)
    assert "α = 0.3" in head
    assert row["visible"]
    assert [set(named(value)) for value in charts] == [{"class 0", "class 1"}] * 2
    assert panel.views[0].depends(session) != before
    panel.show(session, {"by": "domain", "other": "x"})
    assert session.of(SpaceView) == SpaceView(by="domain")
    assert "ID test" in named(drawn(panel, session)[2])
    mine.drafts.put(run.run_id, alpha=0.9)
    assert 'data-do="map-features"' in drawn(panel, session)[0], "another α is another question"


def test_what_failed_is_said_and_can_be_asked_again(studio, mine, run, panel):
    def fail(*_question):
        raise UserError("it is an ensemble of several encoders.")

    stand_in(studio, MapFeatures, fail)
    session = Session(mine, Place(run=run.run_id, tab="lab"))
    panel.map_features(session, {})
    studio.background.finish()
    head, row, *charts = drawn(panel, session)
    assert "ensemble of several" in head
    assert 'data-do="map-features"' in head
    assert not row["visible"]
    assert charts == [None, None]


def test_a_stranger_to_the_run_cannot_have_it_mapped(studio, run, panel):
    nobody = Workspace(studio, Visitor("visitor", "someone-else", token="t" * 43))
    session = Session(nobody, Place(run=run.run_id, tab="lab"))
    assert drawn(panel, session)[0] == ""
    with pytest.raises(UserError):
        panel.map_features(session, {})


def test_the_lab_holds_the_panel(studio):
    page = in_a_thread(lambda: LabPage(studio))
    assert any("map-features" in actions for _, actions in page.events)
    assert sum(view.depends.__qualname__ == "SpacePanel._key" for view in page.views) == 4
