"""The contract of every method, tested on all of them."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from core.errors import UserError
from core.events import Step
from core.methods import METHODS, catalogue, find
from core.methods.base import FAMILIES, LoopMethod, TowerMethod
from core.models import zoo
from core.models.classifier import Classifier
from core.models.weights import load_classifiers, save_classifier
from core.training import linear_probe

EVERY = pytest.mark.parametrize("name", METHODS)
LOOPED = pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if issubclass(method, LoopMethod)]
)
TRAINED = pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if issubclass(method, TowerMethod)]
)
SHORT = {"epochs": 2, "batch_size": 5, "lr": 1e-3, "views": 1, "beta_steps": 5, "gamma_steps": 2}
WEIGHTS = {
    "car-ft": "guidance_weight",
    "ema": "decay",
    "fd-align": "spurious_weight",
    "feat-kd": "feature_weight",
    "kd": "distillation_weight",
    "l2-sp": "l2_weight",
    "lipsum-ft": "guidance_weight",
}
"""The setting of each method that adds to fine-tuning; at 0 nothing is added."""


def quick(name: str, **more):
    """The method's defaults, but short."""
    method = METHODS[name]
    known = method.Params.model_fields
    return method.Params(**{k: v for k, v in {**SHORT, **more}.items() if k in known})


def run(name: str, clip, task, **more):
    """The method's classifier and its events."""
    return finished(METHODS[name](quick(name, **more), clip, task))


def finished(method):
    """The result of `fit`, and its events."""
    steps = method.fit()
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


@pytest.mark.parametrize("name", [name for name in METHODS if name != "ship"])
def test_what_an_unseen_class_is_called_changes_nothing_that_is_learnt(name, tiny_task):
    """SHIP generates features of such classes from their names."""
    clip, task = tiny_task
    task = replace(lacking(task, declared=True), val=())  # α and β are chosen among all classes
    other = [*task.names]
    unseen = task.classes.index(task.unseen[0])
    other[unseen] = "aardvark"
    learnt = [run(name, clip, each)[0].state_dict() for each in (task, replace(task, names=other))]
    for key, tensor in learnt[0].items():
        pair = [tensor, learnt[1][key]]
        if tensor.shape[:1] == (len(task.classes),):  # what is read from its own name
            pair = [rows[list(task.seen)] for rows in pair]
        assert key.endswith("tokens") or torch.equal(*pair), key


@LOOPED
def test_ragged_batches_single_images_and_huge_batches_all_train(name, tiny_task):
    for batch_size in (1, 7, 1000):
        classifier, _ = run(name, *tiny_task, epochs=1, batch_size=batch_size)
        assert all(torch.isfinite(p).all() for p in classifier.parameters())


@LOOPED
def test_cancelling_in_mid_epoch_leaves_a_classifier_that_can_be_saved(name, tiny_task, tmp_path):
    clip, task = tiny_task
    method = METHODS[name](quick(name, batch_size=3), clip, lacking(task, declared=True))
    fit = method.fit()
    last = next(event for event in fit if isinstance(event, Step) and event.step == 2)
    assert last.steps > 2 * last.epochs, "the second step lies inside the first epoch"
    fit.close()
    with pytest.raises(StopIteration):
        next(fit)
    save_classifier(tmp_path / "w", clip, method.classifier, method.zero_shot_prototypes())
    _, loaded = load_classifiers(tmp_path / "w", clip)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded(images), method.classifier(images))


@LOOPED
def test_a_loss_that_is_not_a_number_is_said_at_its_step(name, tiny_task):
    hopeless = {"lr": 1e37, "lr_batch": None, "clip_norm": 0, "epochs": 30}
    with pytest.raises(UserError, match=r"loss became .* at step \d+\. Lower lr"):
        run(name, *tiny_task, **hopeless)


def lacking(task, declared: bool):
    """The task without training images of its second class, which it names as unseen or not."""
    train = tuple(item for item in task.train if item.label != 1)
    return replace(task, train=train, unseen=(task.classes[1],) if declared else ())


@EVERY
@pytest.mark.parametrize("declared", [True, False])
def test_a_class_without_training_images_breaks_nothing_and_stays_a_class(
    name, declared, tiny_task
):
    clip, task = tiny_task
    classifier, _ = run(name, clip, lacking(task, declared))
    logits = classifier(torch.randn(2, 3, 32, 32))
    assert logits.shape == (2, 3)
    assert torch.isfinite(logits).all()


def of_classes(task, count: int):
    """A task of `count` classes with one training image and one validation image each."""
    items = {item.label: item for item in task.train}  # one a class, repeated
    train = tuple(replace(items[i % 3], label=i) for i in range(count))
    names = tuple(f"thing {i}" for i in range(count))
    changed = {"classes": names, "names": names, "templates": ("a {}.", "the {}.")}
    return replace(task, train=train, val=train, test=(), ood={}, **changed)


@EVERY
@pytest.mark.parametrize("classes", [2, 1000])
def test_one_image_a_class_is_enough_for_two_classes_and_for_a_thousand(
    name, classes, tiny_task, monkeypatch
):
    clip, task = tiny_task
    monkeypatch.setattr(linear_probe, "FULL_GRID_PRODUCTS", 1)  # ten values of C and not a hundred
    own_prompts = {"prototypes": "dataset", "contexts": "dataset"}
    short = {"epochs": 1, "batch_size": 1000, "alpha_steps": 2, **own_prompts}
    classifier, events = run(name, clip, of_classes(task, classes), **short)
    logits = classifier(torch.randn(2, 3, 32, 32))
    assert logits.shape == (2, classes)
    assert torch.isfinite(logits).all()
    assert all(math.isfinite(event.loss) for event in events if isinstance(event, Step))


@EVERY
def test_batch_norms_keep_clips_statistics(name, tiny_resnet, tiny_task):
    clip = zoo.load(str(tiny_resnet), device="cpu", precision="fp32")
    classifier, _ = run(name, clip, tiny_task[1], epochs=1, batch_size=12)
    theirs = dict(clip.model.visual.named_buffers())
    assert any("running_var" in buffer for buffer in theirs)
    for buffer, tensor in classifier.tower.named_buffers():
        assert torch.equal(tensor, theirs[buffer]), buffer


@LOOPED
def test_features_and_losses_are_fp32_where_the_towers_compute_in_bf16(
    name, tiny_model, tiny_task, monkeypatch
):
    clip = zoo.load(str(tiny_model), device="cpu", precision="bf16")
    method = METHODS[name](quick(name, epochs=1), clip, tiny_task[1])
    terms, loss = {}, method.loss
    monkeypatch.setattr(method, "loss", lambda batch: terms.update(loss(batch)) or terms)
    classifier, _ = finished(method)
    assert {term: tensor.dtype for term, tensor in terms.items()} == dict.fromkeys(
        terms, torch.float32
    )
    pixels = clip.blank()
    assert classifier.features(pixels).dtype is torch.float32
    with clip.precision.autocast():
        assert classifier.tower(pixels.float()).dtype is torch.bfloat16
        assert classifier(pixels).dtype is torch.float32


@pytest.fixture(scope="module")
def plain(tiny_task):
    """The weights of fine-tuning, with and without its head."""
    return {
        train_head: run("ft", *tiny_task, clip_norm=0.0, train_head=train_head)[0].state_dict()
        for train_head in (True, False)
    }


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("train_head", [True, False])
def test_at_weight_zero_a_method_is_fine_tuning_to_the_bit(name, train_head, tiny_task, plain):
    same = {}
    for weight in (0.0, 0.5):
        asked = {WEIGHTS[name]: weight, "train_head": train_head, "clip_norm": 0.0}
        weights = run(name, *tiny_task, **asked)[0].state_dict()
        same[weight] = all(
            torch.equal(tensor, weights[key]) for key, tensor in plain[train_head].items()
        )
    assert same == {0.0: True, 0.5: False}


def test_every_method_with_a_weight_of_its_own_is_tried_without():
    weighed = {
        (name, setting)
        for name, method in METHODS.items()
        for setting in method.Params.model_fields
        if setting.endswith("_weight")
    }
    assert weighed | {("ema", "decay")} == set(WEIGHTS.items())


@TRAINED
def test_adapters_train_and_end_as_plain_weights_under_the_usual_names(name, tiny_task):
    plain, _ = run(name, *tiny_task)
    adapted, events = run(name, *tiny_task, lora_rank=2)
    again, _ = run(name, *tiny_task, lora_rank=2)
    assert list(adapted.state_dict()) == list(plain.state_dict())
    assert events[-1].grad_norm > 0
    for key, tensor in tiny_task[0].model.visual.state_dict().items():
        now = adapted.tower.state_dict()[key]
        assert tensor.dim() > 1 or torch.equal(now, tensor), (
            f"{key} trained in addition to the adapters"
        )
    for key, tensor in adapted.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key]), key


@EVERY
def test_every_knob_explains_itself_and_has_a_sensible_default(name):
    for setting in METHODS[name].Params.knobs():
        assert len(setting["help"]) > 15, setting["name"]
        sensible, default = setting["sensible"], setting["default"]
        if sensible and default is not None:
            assert sensible["low"] <= default <= sensible["high"], setting["name"]


@EVERY
def test_the_papers_preset_names_knobs_and_is_not_the_default(name):
    method = METHODS[name]
    method.Params.parse(method.paper_preset, name)
    default = method.Params().model_dump()
    assert all(default[setting] != value for setting, value in method.paper_preset.items())


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
