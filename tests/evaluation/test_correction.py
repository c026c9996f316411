"""Corrected prototypes: equal to those of a run with that setting, and matched by shared
templates.
"""

import pytest

from core.data.prompts import OPENAI_80, TIP_7
from core.errors import UserError
from core.evaluation.correction import correct_templates, matched
from core.methods.fd_align import FDAlign, spurious_prototypes
from tests.mutants import Mutant


@pytest.mark.parametrize(
    ("before", "after", "pairs"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], [(0, 1), (1, 0)]),
        ([0, 0, 0, 1], [0, 1, 1, 0], [(0, 1), (1, 0)]),
        ([0, 1, 1, None], [0, 0, 0, 1], [(1, 0)]),
        ([0, None], [None, 0], []),
        ([2, 0, 1], [0, None, None], [(2, 0)]),
    ],
)
def test_clusters_are_matched_by_the_templates_that_they_share(before, after, pairs):
    assert matched(before, after) == pairs


def test_without_some_templates_it_is_what_a_run_with_that_knob_has(tiny_task):
    clip, task = tiny_task
    params = FDAlign.Params()
    excluded = OPENAI_80[:10]
    found = correct_templates(clip, task, params, excluded)
    run = spurious_prototypes(clip, task, FDAlign.Params(excluded_templates=excluded))
    assert found.after.clusters[:10] == [None] * 10
    assert [-1 if c is None else c for c in found.after.clusters[10:]] == list(run.cluster)
    assert (found.after.kept, found.after.centres) == (52, 20)
    assert (found.before.kept, found.before.centres) == (60, 20)
    assert {len(places) for places in found.places.values()} == {80}
    assert len(found.pairs) > 10, "most clusters are still there"


def test_what_the_run_did_is_not_estimated_twice(tiny_task):
    params = FDAlign.Params(prototypes="tip-7", excluded_templates=TIP_7[:2])
    found = correct_templates(*tiny_task, params, TIP_7[1::-1])
    assert (found.after, found.pairs) == (None, [])
    assert found.templates == list(TIP_7), "what the run excluded is in the picture too"
    assert found.before.clusters[:2] == [None, None]
    assert correct_templates(*tiny_task, params, ()).after is not None, "the control"


def test_a_template_that_is_not_of_the_set_is_refused(tiny_task):
    with pytest.raises(UserError, match="excluded_templates: there is no"):
        correct_templates(*tiny_task, FDAlign.Params(), ["a picture of a {}."])


MUTANTS = [
    Mutant(
        "core.evaluation.correction",
        "linear_sum_assignment(-shared)",
        "linear_sum_assignment(shared)",
        test_without_some_templates_it_is_what_a_run_with_that_knob_has,
    ),
]
