"""Comparing runs: visibility, paired tests, and queueing again."""

import numpy as np
import pytest

from core.errors import UserError
from core.results.paired import mcnemar, mean_change, tango
from core.results.predictions import ClassifierAnswers, DomainPredictions, Predictions
from core.results.records import AccuracyChange, CombinedConfig, Mixing, RunConfig
from studio.compare.comparing import candidates, next_seed, table
from studio.compare.plots import pareto_chart
from studio.frame.markup import render
from studio.shell.page import Shell
from studio.workspace.background import Answer
from studio.workspace.session import MOST_COMPARED, Place, Session
from tests.studio.conftest import NASTY, SIZES, ZERO, evaluation
from tests.studio.test_escaping import elements

TITLES = ("One · seed 0", "Two · seed 1")


@pytest.fixture
def finish(studio, record, monkeypatch):
    """`finish(seed, right, data)`: a run whose tuned weights get the first images right."""
    monkeypatch.setattr(studio.data_store, "has", lambda data_id: data_id in ("cats", "dogs"))

    def make(seed=0, right=30, data="cats", **more):
        config = RunConfig(
            data=str(studio.data_store.folder / data), method="ft", seed=seed, **more
        )
        job = studio.ledger.submit(config)
        claimed = studio.ledger.claim("owner")
        assert claimed.id == job.id
        studio.ledger.finish(claimed, "done")
        folder = studio.folder(job.id)
        folder.create(config)
        changed = {"run_id": job.id, "config": config.model_dump(mode="json")}
        told(record).model_copy(update=changed).write(folder.record_path)
        domains = {name: predictions(name, n, right) for name, n in SIZES.items()}
        Predictions(("red fox", NASTY), domains).write(folder.predictions_path)
        return job.id

    return make


def change(gained, lost, n, outcome):
    low, high = tango(gained, lost, n)
    p = mcnemar(lost, gained)
    return AccuracyChange(
        n=n, gained=gained, lost=lost, difference=(gained - lost) / n, low=low, high=high,
        p=p, p_holm=min(1.0, 3 * p), outcome=outcome,
    )  # fmt: skip


def told(record):
    """The record as a run leaves it today: steady, and tested against zero-shot."""
    kept = evaluation(val=26, test=66, ood_noto=30, ood_sketch=25)
    steady = {
        "test": change(8, 2, 100, "held"),
        "ood/noto": change(0, 0, 50, "held"),
        "ood/sketch": change(0, 0, 50, "held"),
    }
    tuned = {
        "test": change(25, 5, 100, "better"),
        "ood/noto": change(1, 5, 50, "held"),
        "ood/sketch": change(0, 10, 50, "worse"),
    }
    ends = {"recommended": steady, "fine-tuned": tuned}
    return record.model_copy(
        update={
            "mixing": Mixing.steady(0.3),
            "evaluations": {**record.evaluations, "recommended": kept},
            "changes": ends,
            "mean_changes": {name: mean_change(found) for name, found in ends.items()},
        }
    )


def predictions(name, n, right):
    hashes = b"".join(f"{name} {i}".encode().ljust(32) for i in range(n))
    said = ClassifierAnswers(
        np.where(np.arange(n) < right, 0, 1).astype(np.int32), np.ones(n, np.float32)
    )
    images = np.frombuffer(hashes, np.uint8).reshape(n, 32)
    ends = dict.fromkeys(("zero-shot", "recommended", "fine-tuned"), said)
    return DomainPredictions(images, np.zeros(n, np.int32), ends)


@pytest.fixture
def page(studio, monkeypatch):
    """The page, built where a loop runs; no interpolator is known."""
    nothing = {"methods": [], "models": [], "interpolators": []}
    monkeypatch.setattr(studio, "catalogue", nothing)
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    import gradio as gr

    from studio.compare.page import ComparePage

    async def build():
        with gr.Blocks():
            return ComparePage(studio)

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(build())).result()


def settled(studio, session):
    shell = object.__new__(Shell)
    shell._studio = studio
    shell.settle(session)
    return session.place.compare


def drawn(page, session):
    """The HTML of every panel, once what runs in the background has ended."""
    for view in page.views:
        view.depends(session)
    session.mine.studio.background.finish()
    return "".join(text for view in page.views if isinstance(text := view.draw(session), str))


def test_an_address_keeps_the_runs_in_their_order_and_drops_what_is_no_id():
    place = Place.from_query({"compare": "b-2,a-1,b-2,../x,,A", "tab": "compare"})
    assert place.compare == ("b-2", "a-1")
    assert place.query() == "?compare=b-2,a-1&tab=compare"
    many = ",".join(f"run-{i}" for i in range(20))
    assert len(Place.from_query({"compare": many}).compare) == MOST_COMPARED
    assert Place.from_query({"compare": "a-1"}).tab == "compare"


def test_runs_of_other_data_unfinished_and_missing_ones_are_dropped_alike(studio, mine, finish):
    one, other = finish(), finish(data="dogs")
    waiting = studio.ledger.submit(RunConfig(data=str(studio.data_store.folder / "cats"))).id
    asked = (one, other, waiting, "ft-20200101-0000-zzzz")
    assert settled(studio, Session(mine, Place(data="cats", compare=asked))) == (one,)
    assert settled(studio, Session(mine, Place(data="dogs", compare=asked))) == (other,)
    link = Session(mine, Place(compare=(other,)))
    assert settled(studio, link) == (other,)
    assert link.place.data == "dogs", "a link names the runs, and they name the data set"


def test_a_damaged_record_costs_its_run_and_not_the_page(studio, mine, finish):
    one, two = finish(), finish(1)
    studio.folder(two).record_path.write_text("{")
    assert settled(studio, Session(mine, Place(data="cats", compare=(one, two)))) == (one,)


def test_ticking_keeps_the_order_and_refuses_what_is_not_here(page, mine, finish):
    one, two = finish(), finish(1)
    session = Session(mine, Place(data="cats", compare=(two,)))
    page._choose(session, {"form": {one: True, two: True}})
    assert session.place.compare == (two, one)
    for form in ({"ft-20200101-0000-zzzz": True}, {finish(data="dogs"): True}):
        with pytest.raises(UserError, match="no longer exists"):
            page._choose(session, {"form": form})
    page._choose(session, {"form": {"../x": True, one: "yes", two: False}})
    assert session.place.compare == ()


def test_the_page_says_which_runs_the_images_tell_apart(page, mine, finish):
    session = Session(mine, Place(data="cats", compare=(finish(right=20), finish(1, right=22))))
    text = drawn(page, session)
    assert "A and B cannot be told apart by 100 images" in text
    assert "<code>seed</code>" in text
    assert "<code>shots</code>" not in text, "only what differs"
    assert text.count('data-verdict="cannot-tell"') == 2


def test_the_page_names_the_better_run_where_there_is_one(page, mine, finish):
    session = Session(mine, Place(data="cats", compare=(finish(right=20), finish(1, right=40))))
    text = drawn(page, session)
    assert "B gets 20 more right than A, of 100 images" in text
    assert "All images of the other domains, pooled (OOD):" in text
    assert "each corrected by itself" not in text, "there is one pairing"


def test_the_corrected_test_decides_and_is_shown(page, mine, finish):
    session = Session(mine, Place(data="cats", compare=(finish(right=20), finish(1, right=26))))
    text = drawn(page, session)
    # 6 images of 100 and of 50 each: p = 2/64 = 0.031, and three tests make it 0.094.
    assert text.count("0.031") == text.count("0.094") == text.count("<td>cannot tell</td>") == 3
    assert "A and B cannot be told apart by 100 images" in text
    assert "B gets 12 more right than A, of 100 images" in text, "pooled over both domains"


def test_runs_that_kept_no_recommendation_are_named(page, studio, mine, finish, record):
    runs = finish(), finish(1)
    old = {"run_id": runs[1], "config": studio.ledger.get(runs[1]).config}
    record.model_copy(update=old).write(studio.folder(runs[1]).record_path)
    text = drawn(page, Session(mine, Place(data="cats", compare=runs)))
    assert f"(α = 1): {runs[1]}." in text
    assert "B: made before runs were tested against zero-shot" in text


def test_names_in_settings_are_text(page, mine, finish):
    runs = finish(), finish(1, templates=(f"{NASTY} of a {{}}",))
    text = drawn(page, Session(mine, Place(data="cats", compare=runs)))
    assert "onerror=alert" in text, "the setting is shown"
    assert elements(text).isdisjoint({"img", "script", "iframe"})


def test_a_failed_comparison_has_its_reason_and_a_way_on(page, mine, finish, monkeypatch):
    session = Session(mine, Place(data="cats", compare=(finish(), finish(1))))
    failed = Answer("failed", error=f"no {NASTY}")
    monkeypatch.setattr(type(mine.answers), "compared", lambda *_: failed)
    text = page._draw_tests(session)
    assert 'data-do="retry-compare"' in text
    assert "<img" not in text


def test_what_is_queued_again_has_the_first_seed_that_was_not_used():
    config = {"seed": 0, "shots": 4}
    others = [config, {"seed": 2, "shots": 4}, {"seed": 9, "shots": 8}]
    assert next_seed(config, others) == 3


def test_queueing_again_changes_the_seed_and_nothing_else(page, studio, mine, finish, monkeypatch):
    run = finish(seed=4)
    asked = []

    def submit(self, data_id, config):
        asked.append((data_id, config))
        return studio.ledger.get(run)

    monkeypatch.setattr(type(mine.runs), "submit", submit)
    session = Session(mine, Place(data="cats"))
    page._again(session, {"id": run})
    [(data_id, config)] = asked
    assert data_id == "cats"
    assert config == {**studio.ledger.get(run).config, "seed": 5}
    assert "Queued" in session.notices["compare"].text
    with pytest.raises(UserError):
        page._again(session, {"id": "ft-20200101-0000-zzzz"})


def test_a_combination_is_offered_queued_and_opened(page, studio, mine, finish, monkeypatch):
    runs = finish(), finish(1)
    ways = [way("soup", 2, None), way("projection", 1, 1)]
    monkeypatch.setattr(studio, "catalogue", {"methods": [], "models": [], "interpolators": ways})
    config = CombinedConfig(data="x", method="soup", members=("/a", "/b"))
    asked = []
    monkeypatch.setattr(
        "jobs.checking.check_combination", lambda _, *question: asked.append(question) or config
    )
    session = Session(mine, Place(data="cats", compare=runs))
    text = page._draw_combination(session)
    assert 'value="soup"' in text
    assert 'value="projection"' not in text, "it takes one run"
    page._combine(session, {"form": {"method": "soup"}})
    assert asked == [("soup", list(runs))]
    queued = studio.ledger.get(session.place.run)
    assert (queued.state, session.place.tab) == ("queued", "live")
    assert queued.config["members"] == ["/a", "/b"]
    assert studio.folder(queued.id).config().members == ("/a", "/b")
    assert mine.runs.title(queued.config) == "soup of 2 runs"
    with pytest.raises(UserError, match="combination of runs"):
        page._again(session, {"id": queued.id})


def test_nothing_is_combined_of_nothing(page, mine):
    assert page._draw_combination(Session(mine, Place(data="cats"))) == ""
    with pytest.raises(UserError, match="Tick runs first"):
        page._combine(Session(mine, Place(data="cats")), {"form": {"method": "soup"}})


def way(name, fewest, most):
    members = {"fewest": fewest, "most": most}
    return {"name": name, "title": name, "summary": NASTY, "members": members}


def test_the_table_has_what_is_recommended_and_the_tuned_weights_alone(record):
    [run] = candidates([told(record)], TITLES)
    found = table([run])
    assert found["columns"] == ["ID test", "noto", "sketch", "Mean OOD"]
    kept, tuned = found["runs"][0]["rows"]
    assert (kept.mixing, kept.what) == ("α = 0.30, steady", "recommended")
    assert (tuned.mixing, tuned.what) == ("α = 1.00", "fine-tuned alone")
    assert [cell.change for cell in kept.cells] == pytest.approx([0.06, 0, 0, 0])
    assert tuned.cells[0].change == pytest.approx(0.2)
    assert found["zero"].cells[0].share.n == 100
    assert (found["zero"].cells[0].change, found["zero"].cells[0].outcome) == (None, "")
    assert found["untested"] == ""


def test_a_domain_without_some_classes_is_given_among_its_own_as_well(record):
    own = {"classes_all": 8, "classes_present": 2, "accuracy_own": 0.9321}
    ends = {
        name: end.model_copy(
            update={
                "domains": {
                    domain: score.model_copy(update=own if domain == "ood/noto" else {})
                    for domain, score in end.domains.items()
                }
            }
        )
        for name, end in record.evaluations.items()
    }
    [run] = candidates([record.model_copy(update={"evaluations": ends})], TITLES)
    page = render("compare/table.html", **table([run]))
    assert page.count("2 of 8 classes · among these 93.2") == 2, "zero-shot and tuned"


def test_the_same_images_decide_on_the_tone_of_a_change(record):
    [run] = candidates([told(record)], TITLES)
    kept, tuned = table([run])["runs"][0]["rows"]
    assert [(cell.tone, cell.outcome) for cell in kept.cells] == [("even", "held")] * 4
    assert [(cell.tone, cell.outcome) for cell in tuned.cells] == [
        ("good", "better"), ("even", "held"), ("bad", "worse"), ("bad", "worse"),
    ]  # fmt: skip


def test_a_run_that_was_never_tested_claims_no_outcome(record):
    [run] = candidates([record], TITLES)
    found = table([run])
    kept, tuned = found["runs"][0]["rows"]
    assert kept.mixing == "α = 0.30"
    assert {(cell.tone, cell.outcome) for cell in (*kept.cells, *tuned.cells)} == {("even", "")}
    assert found["untested"].startswith("A: made before")


def test_runs_with_another_zero_shot_have_their_own_line(record):
    other = record.model_copy(
        update={
            "evaluations": {
                **record.evaluations,
                "zero-shot": evaluation(val=24, test=10, ood_noto=30, ood_sketch=25),
            }
        }
    )
    found = table(candidates([record, other], TITLES))
    assert found["zero"] is None
    lines = [row.what for row in found["runs"][1]["rows"]]
    assert lines == ["zero-shot", "recommended", "fine-tuned alone"]


def test_the_chart_marks_what_nothing_beats_and_has_its_numbers(record):
    low = evaluation(val=24, test=55, ood_noto=20, ood_sketch=20)
    beaten = record.model_copy(
        update={
            "evaluations": {"zero-shot": ZERO, "recommended": low, "fine-tuned": low},
            "mixing": Mixing.wise(1),
        }
    )
    value = pareto_chart(candidates([told(record), beaten], TITLES))
    rows = value["table"]["rows"]
    one, two = (f"{letter} · {title}" for letter, title in zip("AB", TITLES, strict=True))
    assert [row[0] for row in rows] == ["zero-shot", one, one, two]
    assert [row[-1] for row in rows] == ["no", "yes", "yes", "no"]
    assert len(value["figure"]["data"]) == 1 + len(rows)
    assert "A α = 0.30, steady, A α = 1.00." in value["label"]


def test_without_ood_the_chart_says_what_to_do(record):
    alone = evaluation(val=24, test=60)
    plain = record.model_copy(
        update={
            "evaluations": {"zero-shot": alone, "recommended": alone, "fine-tuned": alone},
            "mixing": Mixing.wise(1),
        }
    )
    assert "OOD domain" in pareto_chart(candidates([plain], TITLES))["empty"]
