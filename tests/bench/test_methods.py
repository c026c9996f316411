"""The benchmark: its tables from records whose cells can be worked out, and its way to resume."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.data.ingest import open_dataset
from core.errors import UserError
from core.interpolation import INTERPOLATORS
from core.methods import METHODS
from core.results.records import (
    DomainScore,
    Evaluation,
    Generalised,
    RunConfig,
    RunRecord,
    SeenUnseen,
    Selection,
    WisePoint,
)
from core.run.pipeline import run
from tests.bench.methods.gates import compare_gates, open_runs
from tests.bench.methods.report import merged, pooled, write_results
from tests.bench.methods.rotation import rotated
from tests.bench.methods.rules import RULES, Measured, compare, leave_one_method_out
from tests.bench.methods.running import Plan, Result
from tests.bench.methods.tables import (
    by_domain,
    cost,
    gates,
    generalised,
    markdown,
    published,
    row,
    trade_off,
)
from tests.bench.methods.trials import EXPERIMENTS, Trial, every_method, references, unseen


def score(ece: float, nll: float) -> DomainScore:
    return DomainScore(
        n=10, correct=5, accuracy=0.5, low=0, high=1, ece=ece, nll=nll, macro=0.5, per_class={}
    )


def record(seed: int, start: tuple[float, float], mixed: tuple[float, float], end, step=0.5):
    """A record with (ID, OOD) at α = 0, 0.5 (chosen) and 1, and nothing else of interest."""
    points = {0.0: start, 0.5: mixed, 1.0: end}
    domains = {"test": score(0.1, 1.0), "ood/a": score(0.2, 2.0), "ood/b": score(0.4, 3.0)}
    ends = {"zero-shot": start, "fine-tuned": end}
    return RunRecord(
        run_id=f"ft-{seed}",
        config={"method": "ft", "seed": seed, "data": "demo", "params": {"lr": 1e-4}},
        classes=["a", "b"],
        evaluations={
            name: Evaluation(domains=domains, id=id, ood=ood) for name, (id, ood) in ends.items()
        },
        wise=[WisePoint(alpha=a, id=i, ood=o, domains={}) for a, (i, o) in points.items()],
        selection=Selection(checkpoint="last", alpha=0.5, alpha_chosen_on="val"),
        timing={"step_seconds": step, "train_seconds": 12.0},
        environment={},
        files={},
    )


FT = Result(
    Trial("ft", "ft"),
    (
        record(0, (0.60, 0.50), (0.68, 0.50), (0.70, 0.40)),
        record(1, (0.60, 0.50), (0.66, 0.48), (0.72, 0.44)),
    ),
)


def test_changes_are_from_zero_shot_of_the_same_seed_and_means_over_seeds():
    found = row(FT)
    assert found["id"] == pytest.approx(0.71)
    assert found["id_change"] == pytest.approx(0.11)
    assert found["ood_change"] == pytest.approx(-0.08)
    assert found["ood_std"] == pytest.approx(0.0282842712)  # of −0.10 and −0.06
    assert found["wise_id_change"] == pytest.approx(0.07)  # of +0.08 and +0.06
    assert found["wise_ood_change"] == pytest.approx(-0.01)
    assert found["ece_ood"] == pytest.approx(0.3)
    assert found["nll_id"] == 1.0


def test_the_table_shows_points_with_their_spread():
    table = trade_off([row(FT)])
    assert "| ft | +11.0 ± 1.4 | −8.0 ± 2.8 | +11.0 | – | −8.0 | – | α = 0.5 | 0 of 0 |" in table
    older = {name: value for name, value in row(FT).items() if name != "mixings"}
    table = trade_off([older])
    assert "| ft | 71.0 | +11.0 ± 1.4 | 42.0 | −8.0 ± 2.8 | 0.5, 0.5 | +7.0 ± 1.4 |" in table


def test_every_domain_has_its_change_and_validation_none():
    one = record(0, (0.6, 0.5), (0.6, 0.5), (0.7, 0.4))
    moved = {"test": 0.06, "ood/a": -0.02, "ood/b": 0.0, "val": 0.5}
    ends = {
        name: Evaluation(
            domains={
                d: score(0, 0).model_copy(update={"accuracy": 0.5 + c}) for d, c in to.items()
            },
            id=0,
            ood=0,
        )
        for name, to in (("zero-shot", dict.fromkeys(moved, 0.0)), ("fine-tuned", moved))
    }
    table = by_domain([row(Result(FT.trial, (one.model_copy(update={"evaluations": ends}),)))])
    assert "| ft | +6.0 | −2.0 | +0.0 |" in table


def test_the_docs_show_the_tables_of_the_shipped_results():
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "benchmark.md").read_text("utf-8")
    shipped = json.loads((root / "assets" / "benchmark.json").read_text("utf-8"))
    shown = page.split("<!-- tables -->\n")[1].split("<!-- end of tables -->")[0]
    method = RunConfig.model_fields["method"].default
    assert shown.strip() == published(shipped["datasets"], method).strip()


def test_cost_is_time_of_a_step_against_fine_tuning():
    slow = Result(Trial("kd", "kd"), (record(0, (0, 0), (0, 0), (0, 0), step=0.625),))
    table = cost([row(FT), row(slow)])
    assert "| ft | 0.500 | 1.00 |" in table
    assert "| kd | 0.625 | 1.25 |" in table


def test_methods_are_shown_once_for_every_number_of_shots():
    text = markdown({"methods": [row(FT), {**row(FT), "shots": 1}]})
    assert text.index("### Every method, 1 shot\n") < text.index("### Every method, 16 shots")
    assert "### Calibration" in text


def test_classes_without_images_are_counted_by_themselves():
    def sides(seen, unseen, harmonic):
        one = SeenUnseen(seen=seen, unseen=unseen, harmonic=harmonic)
        other = SeenUnseen(seen=0, unseen=0, harmonic=0)
        return Generalised(macro=one, micro=other)

    def without(record, start, tuned):
        return record.model_copy(update={"generalised": {"zero-shot": start, "fine-tuned": tuned}})

    first, second = FT.records
    start = sides(0.5, 0.5, 0.5)
    runs = (
        without(first, start, sides(0.8, 0.4, 0.5333)),
        without(second, start, sides(0.6, 0.6, 0.6)),
    )
    text = generalised([row(replace(FT, records=runs))])
    assert text.splitlines()[-1] == "| ft | 70.0 | 50.0 | 56.7 | +6.7 ± 4.7 |"
    assert "harmonic" not in row(FT), "the control: all classes had images"


def test_every_second_class_has_no_images_in_the_unseen_experiment():
    trials = unseen(["a", "b", "c", "d", "e"])
    assert {trial.unseen for trial in trials} == {("b", "d")}
    assert "ship" in {trial.method for trial in trials}
    assert trials[0].config("data", "embedded", seed=3).unseen == ("b", "d")


def test_every_trial_of_every_experiment_names_a_method_and_knobs_that_exist():
    trials = [trial for make in EXPERIMENTS.values() for trial in make()]
    for trial in [*trials, *references(["noto"]), *unseen("ab"), *every_method((1, 2))]:
        known = INTERPOLATORS if trial.over else METHODS
        known[trial.method].Params.parse(trial.params, trial.label)
        assert {trial.over, trial.backbone} <= {None, *METHODS}


def test_trials_that_ask_for_the_same_run_share_its_folder():
    assert Trial("FT", "ft").folder(0) == Trial("another label", "ft").folder(0)
    others = [
        Trial("", "ft", {"lr": 1e-4}),
        Trial("", "ft", shots=4),
        Trial("", "ft", data="noto"),
        Trial("", "ft", backbone="fd-align"),
        Trial("", "ft", unseen=("b",)),
    ]
    assert len({trial.folder(0) for trial in [Trial("", "ft"), *others]}) == 1 + len(others)


def finish(steps):
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return stop.value, events


def test_the_rate_is_chosen_on_validation_and_a_finished_plan_is_not_run_again(
    tmp_path, tiny_data, tiny_model
):
    trials = [
        Trial("zero-shot", "zero-shot", shots=2),
        Trial("ft", "ft", shots=2),
        Trial("soup", "uniform-soup", shots=2, over="ft", pool=True),
        Trial("lent", "tip-adapter", shots=2, backbone="ft"),
    ]
    plan = Plan(
        tiny_data, {"methods": trials}, (0, 1), tmp_path, model=str(tiny_model), search=True
    )
    results, events = finish(plan.run(None))
    assert events
    assert [len(result.records) for result in results["methods"]] == [2, 2, 2, 2]
    rates = {record.config["params"]["lr"] for record in results["methods"][1].records}
    assert len(rates) == 1
    assert rates <= {1e-5, 3e-5, 9e-5}
    soup = results["methods"][2].records[1]
    assert soup.combined is not None
    assert [member.share for member in soup.combined.members] == pytest.approx([1 / 3] * 3)
    lent = Path(results["methods"][3].records[1].config["params"]["backbone"])
    assert lent.name == results["methods"][1].records[1].run_id

    again, silence = finish(plan.run(None))
    assert silence == []
    assert again == results

    longer = {
        "methods": [*trials, Trial("kd", "kd", shots=2)],
        "heads": [Trial("lp", "lp", shots=2)],
    }
    so_far, silence = finish(replace(plan, experiments=longer, finished=True).run(None))
    assert silence == []
    assert so_far == results, "what is not finished is left out"
    payload, text = write_results(plan, results, tmp_path / "results.json", "tiny", "Tiny animals")
    found = payload["datasets"]["tiny"]
    assert found["experiments"]["methods"][0]["ood_change"] == 0
    assert found["situation"]["zero_shot_id"] == pytest.approx(
        results["methods"][0].records[0].evaluations["zero-shot"].id
    )
    assert found["situation"]["family"] == "small"
    tuned = found["experiments"]["methods"][1]
    assert (
        tuned["recommended_id_low"]
        <= tuned["recommended_id_change"]
        <= tuned["recommended_id_high"]
    )
    assert {r["rule"] for r in found["rules"]["steady"]["rules"]} == set(RULES)
    assert (
        merged([tmp_path / "results.json"])["datasets"]
        == json.loads((tmp_path / "results.json").read_text())["datasets"]
    )
    with pytest.raises(UserError, match=r"is not what `python -m tests\.bench\.methods` writes"):
        merged([tmp_path / "results.md"])
    assert (tmp_path / "results.md").read_text() == text
    assert str(tmp_path) not in json.dumps(payload), "what is shipped names no folder"


def test_a_rotated_data_set_teaches_in_another_domain_and_shares_no_name_with_its_tests(
    tiny_data, tmp_path
):
    dataset = open_dataset(rotated(open_dataset(tiny_data), "grey", tmp_path / "grey"))
    assert {domain.name for domain in dataset.domains} == {
        "train",
        "test",
        "ood/night",
        "ood/reference",
    }
    taught = {item.path.split("/")[-1] for item in dataset.items("train")}
    measured = {
        item.path.split("/")[-1]
        for domain in dataset.domains
        if domain.name != "train"
        for item in domain.items
    }
    assert taught
    assert not taught & measured
    originals = {item.sha256 for item in open_dataset(tiny_data).items("ood/grey")}
    assert {item.sha256 for item in dataset.items("train")} < originals


def test_where_names_mean_nothing_a_whole_domain_teaches_and_each_is_cut_to_size(
    tiny_data, tmp_path
):
    source = open_dataset(tiny_data)
    grey = rotated(source, "grey", tmp_path / "grey", same_names=False, most=3)
    dataset = open_dataset(grey)
    names = ["train", "ood/night", "ood/reference"]
    assert [domain.name for domain in dataset.domains] == names
    for domain in dataset.domains:
        assert {item.label for item in domain.items} == {0, 1, 2}
        assert len(domain.items) == 3 * 3
    originals = {item.sha256 for item in source.items("ood/grey")}
    assert {item.sha256 for item in dataset.items("train")} < originals


def test_the_own_reference_may_be_kept_and_cut_to_size(tiny_data, tmp_path):
    source = open_dataset(tiny_data)
    kept = open_dataset(rotated(source, "reference", tmp_path / "own", most=2))
    assert [d.name for d in kept.domains] == [d.name for d in source.domains]
    assert all(len(domain.items) <= 2 * 3 for domain in kept.domains)


def run_of(method: str, likely, id_change, ood_change) -> Measured:
    """Validation of four images at three α; those above −1 are right."""
    table = np.array(likely, dtype=float)
    return Measured(method, (0.0, 0.5, 1.0), table > -1, table, id_change, ood_change)


SAFE = run_of(
    "safe",
    [[-2, -2, -2, -2], [-0.5, -0.4, -0.5, -1.5], [-0.5, -0.5, -0.4, -1.6]],
    (0.0, 0.1, 0.2),
    (0.0, 0.0, -0.3),
)


def test_every_rule_gives_what_can_be_worked_out_by_hand():
    rows = {row["rule"]: row for row in compare([SAFE])}
    # Right on validation: 0, 3, 3; mean NLL 2, 0.725, 0.75.
    assert rows["best accuracy, then NLL"]["alpha"] == 0.5
    assert rows["within one image of the best, smallest"]["alpha"] == 0.5
    assert rows["best NLL"]["alpha"] == 0.5
    # Behind the best by (0, 0.1, −0.1, 0.1): mean 0.025, standard error 0.048.
    assert rows["within one paired SE in NLL, smallest"]["alpha"] == 0.5
    assert rows["within one paired SE in NLL, largest"]["alpha"] == 1.0
    assert rows["always 1"]["worst_ood_change"] == -0.3
    assert rows["oracle: best ID + OOD on test"]["alpha"] == 0.5


def test_the_rule_for_a_method_is_chosen_on_the_others():
    # Here every α is right and equally likely: only "always" rules differ, and 1 is best.
    bold = run_of("bold", [[-0.1] * 4] * 3, (0.0, 0.1, 0.3), (0.0, 0.0, 0.0))
    found = leave_one_method_out([SAFE, bold])
    assert found["runs"] == 2
    assert found["rules"] == ["best accuracy, then NLL", "within one paired SE in NLL, largest"]
    assert found["ood_change"] == pytest.approx((-0.3 + 0.0) / 2)
    assert leave_one_method_out([SAFE]) == {}


def test_runs_of_all_references_are_pooled_by_method():
    other = Result(Trial("ft, noto", "ft", data="noto"), FT.records[:1])
    found = pooled([replace(FT, trial=Trial("ft, own", "ft", data="own")), other])
    assert [(one.trial.label, len(one.records)) for one in found] == [("ft", 3)]


def test_the_gate_as_built_gives_what_the_run_recommends_and_w_1_the_tuned_weights(
    tiny_model, tiny_data, tmp_path
):
    asked = Trial("ft", "ft", {"epochs": 1}, shots=4).config(str(tiny_data), str(tiny_model), 0)
    finish(run(asked, tmp_path / "run", None))
    opened = open_runs([tmp_path / "run"], None)
    rows = {row["variant"]: row for row in compare_gates(opened)}
    record = opened[0].record
    before, after = record.evaluations["zero-shot"], record.evaluations["recommended"]
    assert rows["as built"]["id_change"] == pytest.approx(after.id - before.id)
    assert rows["as built"]["ood_change"] == pytest.approx(after.ood - before.ood)
    mixed = next(point for point in record.wise if point.alpha == record.mixing.alpha)
    every = rows["every image to the tuned (w = 1)"]
    assert every["id_change"] == pytest.approx(mixed.id - before.id)
    assert every["ood_change"] == pytest.approx(mixed.ood - before.ood)
    assert len(rows) == 5 + 12, "the tiny tower has no third block"
    tuned = record.evaluations["fine-tuned"]
    alone = rows["the tuned weights alone"]
    assert (alone["id_change"], alone["ood_change"]) == pytest.approx(
        (tuned.id - before.id, tuned.ood - before.ood)
    )
    assert "| as built | 1 |" in gates([*rows.values()])
