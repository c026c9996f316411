"""The benchmark table, from records whose numbers are chosen so that cells can be worked out."""

import pytest

from core.benchmark import Plan, compare, run_plan, to_markdown, write_results
from core.records import Evaluation, RunRecord, Selection, WisePoint


def record(method: str, seed: int, points: dict[float, tuple[float, float]], chosen: float):
    """A record with (ID, OOD) by α and nothing else of interest."""
    wise = [WisePoint(alpha=a, id=i, ood=o, domains={}) for a, (i, o) in points.items()]
    ends = {name: Evaluation(domains={}, id=0, ood=0) for name in ("zero-shot", "fine-tuned")}
    return RunRecord(
        run_id=f"{method}-{seed}",
        config={"method": method, "seed": seed, "data": "demo"},
        classes=["a", "b"],
        evaluations=ends,
        wise=wise,
        selection=Selection(checkpoint="last", alpha=chosen, alpha_chosen_on="val"),
        timing={},
        environment={},
        files={},
    )


RECORDS = [
    record("ft", 0, {0.0: (0.60, 0.50), 0.5: (0.68, 0.50), 1.0: (0.70, 0.40)}, 0.5),
    record("ft", 1, {0.0: (0.60, 0.50), 0.5: (0.66, 0.48), 1.0: (0.72, 0.44)}, 0.5),
]


def test_changes_are_from_zero_shot_and_means_over_seeds():
    rows = {row["name"]: row for row in compare(RECORDS)}
    assert list(rows) == ["zero-shot", "ft", "ft + WiSE (α on val)"]
    assert rows["zero-shot"]["id_change"] == 0
    ft = rows["ft"]
    assert ft["id"] == pytest.approx(0.71)
    assert ft["id_change"] == pytest.approx(0.11)
    assert ft["ood_change"] == pytest.approx(-0.08)
    assert ft["ood_std"] == pytest.approx(0.0282842712)  # of −0.10 and −0.06
    assert rows["ft + WiSE (α on val)"]["ood_change"] == pytest.approx(-0.01)


def test_the_table_shows_points_with_their_spread():
    table = to_markdown(compare(RECORDS))
    assert "| ft | 2 | 71.0 | +11.0 ± 1.4 | 42.0 | −8.0 ± 2.8 | 1, 1 |" in table


def test_a_finished_run_of_a_plan_is_not_run_again(tmp_path, tiny_data, tiny_model):
    plan = Plan(tiny_data, ("zero-shot",), (0,), shots=2, model=str(tiny_model))

    def finish():
        steps, events = run_plan(plan, tmp_path, None), []
        while True:
            try:
                events.append(next(steps))
            except StopIteration as stop:
                return stop.value, events

    records, events = finish()
    assert events
    again, silence = finish()
    assert silence == []
    assert again == records
    rows = write_results(plan, records, tmp_path / "results.json")
    assert rows[1]["ood_change"] == 0
    assert (tmp_path / "results.md").read_text().startswith("| method |")
