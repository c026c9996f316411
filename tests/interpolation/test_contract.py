"""The contract of every interpolator, tested on all of them."""

import math
from dataclasses import replace

import pytest
import torch

from core.errors import UserError
from core.events import Event
from core.interpolation import INTERPOLATORS, catalogue, find
from core.models.classifier import Classifier
from core.models.ensemble import Ensemble
from tests.interpolation.conftest import finish

EVERY = pytest.mark.parametrize("name", INTERPOLATORS)
MANY = pytest.mark.parametrize("name", [n for n, i in INTERPOLATORS.items() if i.most != 1])
ONE = pytest.mark.parametrize("name", [n for n, i in INTERPOLATORS.items() if i.most == 1])
MIXING = pytest.mark.parametrize(
    "name", [n for n, i in INTERPOLATORS.items() if i.most != 1 and i.mixes_weights]
)
CHOOSING = pytest.mark.parametrize(
    "name", [n for n, i in INTERPOLATORS.items() if "choose_on" in i.Params.model_fields]
)
FITTING = pytest.mark.parametrize(
    "name", [n for n, i in INTERPOLATORS.items() if "steps" in i.Params.model_fields]
)


def quick(name, **more):
    """The interpolator with its defaults, but short."""
    known = INTERPOLATORS[name].Params.model_fields
    short = {"steps": 4, "points": 5, "batch_size": 4, **more}
    params = {setting: value for setting, value in short.items() if setting in known}
    return INTERPOLATORS[name](INTERPOLATORS[name].Params(**params))


def enough(name):
    """As many members as it takes."""
    return 1 if INTERPOLATORS[name].most == 1 else 3


def combine(name, members, tiny_task, **more):
    """(combination, events)"""
    return finish(quick(name, **more).combine(members, *tiny_task))


@EVERY
def test_it_returns_a_classifier_of_the_right_shape_and_says_what_it_does(
    name, tiny_task, members_of
):
    combination, events = combine(name, members_of(enough(name)), tiny_task)
    classifier = combination.classifier
    assert isinstance(classifier, Classifier | Ensemble)
    assert classifier(torch.randn(2, 3, 32, 32)).shape == (2, 3)
    assert events
    assert all(isinstance(event, Event) for event in events)
    assert len(combination.shares) == enough(name)


@EVERY
def test_it_leaves_members_and_clip_as_they_were_to_the_bit(name, tiny_task, members_of):
    clip, _ = tiny_task
    members = members_of(enough(name))
    parts = [clip.model, *(m.zero_shot for m in members), *(m.load() for m in members)]
    before = [{k: v.clone() for k, v in part.state_dict().items()} for part in parts]
    asked = [[p.requires_grad for p in part.parameters()] for part in parts]
    combine(name, members, tiny_task)
    for part, old, flags in zip(parts, before, asked, strict=True):
        assert all(torch.equal(old[k], v) for k, v in part.state_dict().items())
        assert [p.requires_grad for p in part.parameters()] == flags
        assert all(p.grad is None for p in part.parameters())


@EVERY
def test_the_same_members_give_the_same_weights_exactly(name, tiny_task, members_of):
    first, again = (
        combine(name, members_of(enough(name)), tiny_task)[0].classifier.state_dict()
        for _ in range(2)
    )
    assert all(torch.equal(first[key], again[key]) for key in first)


@EVERY
def test_cancelling_midway_leaves_the_members_whole(name, tiny_task, members_of):
    members = members_of(enough(name))
    before = [{k: v.clone() for k, v in m.load().state_dict().items()} for m in members]
    steps = quick(name).combine(members, *tiny_task)
    assert isinstance(next(steps), Event)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)
    for member, old in zip(members, before, strict=True):
        assert all(torch.equal(old[k], v) for k, v in member.load().state_dict().items())


@FITTING
def test_a_loss_that_is_not_a_number_is_said(name, tiny_task, members_of):
    with pytest.raises(UserError, match=f"{name}: the loss became nan"):
        combine(name, members_of(1, scale=math.inf), tiny_task)


@EVERY
def test_members_over_the_shared_tower_stay_over_it(name, tiny_task, members_of):
    clip, _ = tiny_task
    members = members_of(enough(name), move_tower=False)
    classifier = combine(name, members, tiny_task)[0].classifier
    parts = [*classifier] if isinstance(classifier, Ensemble) else [classifier]
    assert all(clip.owns(part) for part in parts)


@EVERY
def test_a_wrong_number_of_runs_is_said(name, tiny_task, members_of):
    with pytest.raises(UserError, match=r"(at least|runs? (is|are) needed), got 0"):
        combine(name, [], tiny_task)


@ONE
def test_what_takes_one_run_refuses_two(name, tiny_task, members_of):
    with pytest.raises(UserError, match=r"takes 1 run, got 2\. .* `evenkeel soup`"):
        combine(name, members_of(2), tiny_task)


@MANY
def test_what_takes_several_runs_refuses_one(name, tiny_task, members_of):
    with pytest.raises(UserError, match="at least 2 runs are needed, got 1"):
        combine(name, members_of(1), tiny_task)


@MIXING
def test_weights_with_another_head_or_another_start_are_not_averaged(name, tiny_task, members_of):
    other_kind = [*members_of(1), *members_of(1, fold_scale=True)]
    with pytest.raises(UserError, match="another kind of head"):
        combine(name, other_kind, tiny_task)
    other_start = [*members_of(1), *members_of(1, start=torch.eye(3, 32))]
    with pytest.raises(UserError, match="another zero-shot head"):
        combine(name, other_start, tiny_task)


@CHOOSING
def test_without_validation_images_it_asks_for_some(name, tiny_task, members_of):
    clip, task = tiny_task
    with pytest.raises(UserError, match="Add a val folder"):
        combine(name, members_of(enough(name)), (clip, replace(task, val=())))


@CHOOSING
def test_test_images_are_looked_at_by_the_oracle_alone(name, tiny_task, members_of):
    clip, task = tiny_task
    members = members_of(enough(name))
    blind = clip, replace(task, test=(), ood={})
    combine(name, members, blind)
    assert quick(name).chosen_on == "val"
    seeing = clip, replace(task, val=(), ood={})
    combine(name, members, seeing, choose_on="oracle")
    assert quick(name, choose_on="oracle").chosen_on == "oracle"


@EVERY
def test_every_knob_explains_itself_and_has_a_sensible_default(name):
    for setting in INTERPOLATORS[name].Params.knobs():
        assert len(setting["help"]) > 15, setting["name"]
        sensible, default = setting["sensible"], setting["default"]
        if sensible and default is not None:
            assert sensible["low"] <= default <= sensible["high"], setting["name"]


@EVERY
def test_every_interpolator_names_itself_and_its_paper(name):
    interpolator = INTERPOLATORS[name]
    assert interpolator.name == name == name.lower()
    assert "arXiv" in interpolator.paper
    assert interpolator.summary.endswith(".")


def test_the_catalogue_lists_every_interpolator_once():
    assert [row["name"] for row in catalogue()] == list(INTERPOLATORS)
    assert set(INTERPOLATORS) >= {
        "greedy-ensemble",
        "greedy-soup",
        "tpgm",
        "tpgm-c",
        "uniform-soup",
        "vrf",
        "wise",
    }


def test_a_typo_names_its_neighbours():
    with pytest.raises(UserError, match=r"no 'greedysoup'\. Did you mean 'greedy-soup'"):
        find("greedysoup")
