"""What every method promises, tried on every method there is."""

import copy
from dataclasses import replace

import pytest
import torch

from core.errors import UserError
from core.events import Step
from core.methods import METHODS, catalogue, find
from core.methods.base import FAMILIES, TowerMethod
from core.models.classifier import Classifier

EVERY = pytest.mark.parametrize("name", METHODS)
TRAINED = pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if issubclass(method, TowerMethod)]
)


def quick(name: str, **more):
    """The method's defaults, but short."""
    method = METHODS[name]
    known = method.Params.model_fields
    short = {"epochs": 2, "batch_size": 5, "lr": 1e-3}
    return method.Params(**{k: v for k, v in {**short, **more}.items() if k in known})


def run(name: str, clip, task, **more):
    """The method's classifier and its events."""
    steps = METHODS[name](quick(name, **more), clip, task).fit()
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return stop.value, events


@EVERY
def test_a_method_returns_a_classifier_of_the_right_shape(name, tiny_task):
    clip, task = tiny_task
    classifier, _ = run(name, clip, task)
    assert isinstance(classifier, Classifier)
    assert classifier(torch.randn(2, 3, 32, 32)).shape == (2, len(task.classes))


@EVERY
def test_a_method_leaves_clip_and_the_task_as_they_were(name, tiny_task):
    clip, task = tiny_task
    before = {k: v.clone() for k, v in clip.model.state_dict().items()}
    images = copy.deepcopy(task)
    run(name, clip, task)
    assert all(torch.equal(before[k], v) for k, v in clip.model.state_dict().items())
    assert images == task


@EVERY
def test_the_same_seed_gives_the_same_weights_exactly(name, tiny_task):
    first, _ = run(name, *tiny_task)
    again, _ = run(name, *tiny_task)
    for key, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key]), key


@TRAINED
def test_training_lowers_the_loss_and_counts_its_steps(name, tiny_task):
    _, events = run(name, *tiny_task, epochs=12, lr=3e-3)
    steps = [event for event in events if isinstance(event, Step)]
    assert [event.step for event in steps] == list(range(1, steps[-1].steps + 1))
    assert steps[-1].loss < steps[0].loss
    assert all(event.loss == pytest.approx(sum(event.terms.values()), abs=1e-4) for event in steps)


@TRAINED
def test_ragged_batches_single_images_and_huge_batches_all_train(name, tiny_task):
    for batch_size in (1, 7, 1000):
        classifier, _ = run(name, *tiny_task, epochs=1, batch_size=batch_size)
        assert all(torch.isfinite(p).all() for p in classifier.parameters())


@TRAINED
def test_closing_the_generator_cancels_between_two_steps(name, tiny_task):
    method = METHODS[name](quick(name), *tiny_task)
    fit = method.fit()
    next(fit)
    fit.close()
    with pytest.raises(StopIteration):
        next(fit)
    assert all(torch.isfinite(p).all() for p in method.classifier.parameters())


@TRAINED
def test_a_loss_that_is_not_a_number_is_said_at_its_step(name, tiny_task):
    with pytest.raises(UserError, match=r"loss became .* at step \d+\. Lower lr"):
        run(name, *tiny_task, lr=1e18, clip_norm=0, epochs=30)


@EVERY
def test_a_class_without_training_images_breaks_nothing_and_stays_a_class(name, tiny_task):
    clip, task = tiny_task
    train = tuple(item for item in task.train if item.label != 1)
    task = replace(task, train=train, unseen=(task.classes[1],))
    classifier, _ = run(name, clip, task)
    logits = classifier(torch.randn(2, 3, 32, 32))
    assert logits.shape == (2, 3)
    assert torch.isfinite(logits).all()


@TRAINED
def test_adapters_train_and_end_as_plain_weights_under_the_usual_names(name, tiny_task):
    plain, _ = run(name, *tiny_task)
    adapted, events = run(name, *tiny_task, lora_rank=2)
    again, _ = run(name, *tiny_task, lora_rank=2)
    assert list(adapted.state_dict()) == list(plain.state_dict())
    assert events[-1].grad_norm > 0
    for key, tensor in tiny_task[0].model.visual.state_dict().items():
        now = adapted.tower.state_dict()[key]
        assert tensor.dim() > 1 or torch.equal(now, tensor), f"{key} trained beside the adapters"
    for key, tensor in adapted.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key]), key


@EVERY
def test_every_knob_explains_itself_and_has_a_sensible_default(name):
    for knob in METHODS[name].Params.knobs():
        assert len(knob["help"]) > 15, knob["name"]
        sensible, default = knob["sensible"], knob["default"]
        if sensible and default is not None:
            assert sensible["low"] <= default <= sensible["high"], knob["name"]


@EVERY
def test_the_papers_preset_names_knobs_and_is_not_the_default(name):
    method = METHODS[name]
    method.Params.parse(method.paper_preset, name)
    default = method.Params().model_dump()
    assert all(default[knob] != value for knob, value in method.paper_preset.items())


@EVERY
def test_every_method_names_itself_and_its_paper(name):
    method = METHODS[name]
    assert method.name == name == name.lower()
    assert "arXiv" in method.paper
    assert method.family in FAMILIES
    assert method.summary.endswith(".")


def test_the_catalogue_lists_every_method_once():
    assert [row["name"] for row in catalogue()] == list(METHODS)
    assert {"zero-shot", "ft", "fd-align"} <= set(METHODS)


def test_a_typo_names_its_neighbours():
    with pytest.raises(UserError, match=r"no 'fdalign'\. Did you mean 'fd-align'"):
        find("fdalign")
