"""Steady mixing: the gate, the share of each classifier, and the numbers worked out by hand."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from core.errors import UserError
from core.interpolation import steady
from core.interpolation.steady import (
    SteadyMix,
    fit_gate,
    trust_in_tuned,
    why_no_gate,
)
from core.models import zoo
from core.models.array_cache import ArrayCache
from core.models.cache_head import CacheHead
from core.models.ensemble import Ensemble
from core.models.gates import (
    Gate,
    SteadyClassifier,
    early_layers,
    mixed_answers,
    nearest_distances,
    position_statistics,
    reading,
)
from core.models.heads import LinearHead
from tests.mutants import Mutant


def test_statistics_are_mean_and_spread_over_positions_of_every_channel():
    grid = torch.tensor([[[[1.0, 3.0], [1.0, 3.0]], [[0.0, 0.0], [4.0, 4.0]]]])  # (1, 2, 2, 2)
    tokens = torch.tensor([[[1.0, 0.0], [3.0, 8.0]]])  # (1, 2 positions, 2 channels)
    found = position_statistics([grid, tokens])
    torch.testing.assert_close(found, torch.tensor([[2.0, 2, 1, 2, 2, 4, 1, 4]]))


def test_the_distance_is_the_mean_to_the_nearest_neighbours():
    bank = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    rows = torch.tensor([[0.0, 0.0], [3.0, 0.0]])
    found = nearest_distances(rows, bank, 2)
    torch.testing.assert_close(found, torch.tensor([0.5, (3 + 10**0.5) / 2]))
    alone = nearest_distances(bank, bank, 1, leave_self_out=True)
    torch.testing.assert_close(alone, torch.tensor([1.0, 18**0.5, 1.0]))


def test_the_gate_is_a_half_at_the_threshold_and_falls_with_the_distance():
    gate = Gate(torch.zeros(1), torch.ones(1), torch.zeros(1, 1), 2.0, 0.5, 5, ["x"])
    g = gate(torch.tensor([[0.0], [2.0], [3.0]]))
    torch.testing.assert_close(g, torch.tensor([1 / (1 + torch.e**-4), 0.5, 1 / (1 + torch.e**2)]))


def test_probabilities_are_mixed_and_not_logits():
    before, after = torch.log(torch.tensor([[0.7, 0.3]])), torch.log(torch.tensor([[0.2, 0.8]]))
    mixed = mixed_answers(before, after, torch.tensor([0.9]), (1.0, 1.0)).exp()
    torch.testing.assert_close(mixed, torch.tensor([[0.25, 0.75]]))
    cooled = mixed_answers(2 * before, after, torch.tensor([0.0]), (2.0, 1.0)).exp()
    torch.testing.assert_close(cooled, torch.tensor([[0.7, 0.3]]))


@pytest.mark.parametrize(("share", "end"), [(0.0, 0), (1.0, 1)])
def test_at_both_ends_one_classifier_answers_alone(share, end):
    logits = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    mixed = mixed_answers(logits[0], logits[1], torch.full((3,), share), (1.0, 1.0))
    torch.testing.assert_close(mixed, logits[end].log_softmax(1))


def logits_of(likelihoods: list[float]) -> torch.Tensor:
    """Two classes; the first, which is always the true one, has these probabilities."""
    p = torch.tensor(likelihoods, dtype=torch.float64)
    return torch.stack([p, 1 - p], 1).log()


def test_the_evidence_is_the_gain_in_nats_less_one_standard_error(monkeypatch):
    monkeypatch.setattr(steady, "fit_temperature", lambda *_: 1.0)
    labels = torch.zeros(4, dtype=torch.long)
    half = logits_of([0.5] * 4)
    tuned = logits_of([0.8, 0.9, 0.8, 0.9])  # ln 1.6 = 0.470004, ln 1.8 = 0.587787
    w, evidence = trust_in_tuned(half, tuned, labels)
    assert evidence == pytest.approx(0.528895 - 0.068001 / 2, abs=1e-5)
    assert w == 1.0
    unsure = trust_in_tuned(half, logits_of([0.7] * 4), labels)  # ln 1.4 = 0.336472
    assert unsure[0] == pytest.approx((0.336472 - 0.25) / 0.2, abs=1e-5)
    assert trust_in_tuned(tuned, half, labels)[0] == 0.0
    assert trust_in_tuned(half[:1], tuned[:1], labels[:1]) == (0.0, None)


@pytest.fixture
def clip(tiny_task):
    return tiny_task[0]


@pytest.fixture
def task(tiny_task):
    return tiny_task[1]


def test_familiar_images_are_those_of_the_training_domain(clip, task):
    gate, calibrated_on = fit_gate(clip, task)
    assert calibrated_on == len(task.train) + len(task.val)
    inside = gate(clip.early_statistics(task.root, task.test))
    assert inside.mean() > 0.5
    night = gate(clip.early_statistics(task.root, task.ood["ood/night"]))
    assert night.max() < 0.1


def test_early_statistics_stop_the_tower_early_and_are_those_of_a_whole_pass(clip, task):
    ran = []
    last = clip.model.visual.transformer.resblocks[-1]
    hook = last.register_forward_hook(lambda *_: ran.append(1))
    rows = clip.early_statistics(task.root, task.test)
    hook.remove()
    assert not ran
    gate, _ = fit_gate(clip, task)
    mix = SteadyMix(gate, 0.0, {}, clip.fingerprint)
    classifier = mix.classifier(clip.frozen, clip.frozen, 1.0)
    _, familiarity, _ = classifier.judged(clip.pixels(task.root).evaluation(task.test))
    torch.testing.assert_close(familiarity, gate(rows), atol=1e-4, rtol=1e-4)


def test_an_unfamiliar_image_is_left_to_zero_shot_as_far_as_w_says(clip, task):
    gate, _ = fit_gate(clip, task)
    items = task.ood["ood/night"]
    head = clip.frozen.head
    tuned = clip.with_head(type(head)(torch.randn(3, clip.embed_dim), clip.logit_scale))
    zero_shot = clip.with_head(type(head)(torch.randn(3, clip.embed_dim), clip.logit_scale))
    ends = [c.outputs_of(clip, task.root, items)[1].softmax(1) for c in (zero_shot, tuned)]
    for w, end in ((0.0, 0), (1.0, 1)):
        mix = SteadyMix(gate, w, {}, clip.fingerprint).classifier(zero_shot, tuned, 1.0)
        found = mix.outputs_of(clip, task.root, items)[1].exp()
        torch.testing.assert_close(found, ends[end], atol=0.05, rtol=0.05)


def test_a_hard_gate_lets_one_classifier_answer(clip, task):
    gate, _ = fit_gate(clip, task)
    mix = SteadyMix(gate, 0.0, {}, clip.fingerprint)
    hard = mix.classifier(clip.frozen, clip.frozen, 1.0, hard=True)
    assert hard.share(torch.tensor([0.1, 0.5, 0.9])).tolist() == [0.0, 1.0, 1.0]


@pytest.fixture(params=["tiny_model", "tiny_resnet", "embedded"])
def towers(request, task):
    """(zero-shot, tuned, images, and the g of these) with towers of each build."""
    named = request.param
    model = named if named == "embedded" else str(request.getfixturevalue(named))
    clip = zoo.load(model, "cpu", "fp32", ArrayCache(None))
    torch.manual_seed(3)
    zero_shot = clip.with_head(LinearHead(torch.randn(3, clip.embed_dim), 10.0))
    tuned = clip.with_copied_tower(LinearHead(torch.randn(3, clip.embed_dim), 10.0))
    images = clip.pixels(task.root).evaluation([*task.test[::3], *task.ood["ood/night"][::3]])
    gate, _ = fit_gate(clip, task)
    return zero_shot.requires_grad_(False), tuned.requires_grad_(False), gate, images


def gated(towers, threshold, hard=False):
    """Behind a gate that is sharp, at a distance between two of the images."""
    zero_shot, tuned, gate, _ = towers
    sharp = Gate(gate.mean, gate.std, gate.bank, threshold, 1e-4, 5, gate.layers)
    return SteadyClassifier(zero_shot, tuned, sharp, 0.0, (2.0, 0.5), hard)


def middle(towers):
    """A threshold that leaves a third of the images unfamiliar, far from all of them."""
    zero_shot, _, gate, images = towers
    with reading(zero_shot.tower, gate.layers) as heard:
        zero_shot(images)
    distances = gate.distances(position_statistics([heard[name] for name in gate.layers]))
    below, above = distances.sort().values[len(images) * 2 // 3 - 1 :][:2].tolist()
    return (below + above) / 2


@pytest.mark.parametrize("where", ["nobody", "some", "everybody"])
def test_hard_and_soft_agree_where_the_gate_is_sure(towers, where):
    threshold = {"nobody": -1.0, "some": middle(towers), "everybody": 1e6}[where]
    images = towers[-1]
    soft, hard = (gated(towers, threshold, kind) for kind in (False, True))
    answers, familiarity, share = hard.judged(images)
    expected, same, _ = soft.judged(images)
    torch.testing.assert_close(answers, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(familiarity, same)
    familiar = {"nobody": 0, "some": len(images) * 2 // 3, "everybody": len(images)}[where]
    assert share.tolist().count(1.0) == familiar
    assert share.tolist().count(0.0) == len(images) - familiar


@pytest.mark.parametrize("where", ["nobody", "some", "everybody"])
def test_behind_a_hard_gate_an_image_runs_through_one_whole_tower(towers, where):
    threshold = {"nobody": -1.0, "some": middle(towers), "everybody": 1e6}[where]
    zero_shot, tuned, gate, images = towers
    seen = {"zero-shot": [], "tuned": [], "early": []}
    last = {"conv1": "transformer.resblocks.1", "layer1": "layer4"}.get(gate.layers[0])
    hooks = [
        module.register_forward_hook(lambda *told, name=name: seen[name].append(len(told[2])))
        for name, module in (
            ("zero-shot", zero_shot.tower.get_submodule(last or "trunk.blocks.6")),
            ("tuned", tuned.tower.get_submodule(last or "trunk.blocks.6")),
            ("early", zero_shot.tower.get_submodule(gate.layers[-1])),
        )
    ]
    _, _, share = gated(towers, threshold, hard=True).judged(images)
    for hook in hooks:
        hook.remove()
    familiar = int(share.sum())
    assert seen["early"] == [len(images)]
    assert seen["tuned"] == ([familiar] if familiar else [])
    assert seen["zero-shot"] == ([len(images) - familiar] if familiar < len(images) else [])


def test_the_temperature_lies_between_those_that_were_fitted(clip, task):
    gate, _ = fit_gate(clip, task)
    mix = SteadyMix(gate, 0.0, {0.0: 2.0, 0.5: 1.0, 1.0: 0.8}, clip.fingerprint)
    assert mix.temperature(0.5) == 1.0
    assert mix.temperature(0.25) == pytest.approx(1.5)
    assert replace(mix, temperatures={}).temperature(0.3) == 1.0


def test_a_gate_is_read_back_as_it_was_and_refuses_another_model(clip, task, tmp_path, tiny_resnet):
    gate, _ = fit_gate(clip, task)
    mix = SteadyMix(gate, 0.25, {0.0: 2.0, 1.0: 0.5}, clip.fingerprint, 0.6, 12)
    mix.write(tmp_path / "gate.safetensors")
    again = SteadyMix.read(tmp_path / "gate.safetensors", clip)
    rows = clip.early_statistics(task.root, task.test)
    assert torch.equal(again.gate(rows), gate(rows))
    assert (again.unfamiliar, again.temperatures) == (0.25, {0.0: 2.0, 1.0: 0.5})
    other = zoo.load(str(tiny_resnet), "cpu", "fp32", ArrayCache(None))
    with pytest.raises(UserError, match="use the model that the run started from"):
        SteadyMix.read(tmp_path / "gate.safetensors", other)
    (tmp_path / "gate.safetensors").write_bytes(b"cut")
    with pytest.raises(UserError, match="missing or damaged"):
        SteadyMix.read(tmp_path / "gate.safetensors", clip)


def test_what_has_no_gate_says_why(clip, task):
    ensemble = Ensemble([clip.frozen, clip.frozen])
    assert "ensemble" in why_no_gate(ensemble, clip, task)
    keys, votes = torch.eye(2, clip.embed_dim), torch.eye(2, 3)
    cache = clip.with_head(CacheHead(torch.zeros(3, clip.embed_dim), 1.0, keys, votes))
    assert "every image by its nearest training images" in why_no_gate(cache, clip, task)
    few = replace(task, train=task.train[:3])
    assert "has 3" in why_no_gate(clip.frozen, clip, few)
    assert why_no_gate(clip.frozen, clip, task) == ""


def test_towers_of_every_build_have_early_layers(clip, tiny_resnet):
    assert early_layers(clip.model.visual) == ("conv1", "transformer.resblocks.0")
    resnet = zoo.load(str(tiny_resnet), "cpu", "fp32", ArrayCache(None))
    assert early_layers(resnet.model.visual) == ("layer1",)
    embedded = zoo.load("embedded", "cpu", "fp32", ArrayCache(None))
    assert early_layers(embedded.model.visual) == ("trunk.bn1", "trunk.blocks.0")
    assert early_layers(nn.Linear(2, 2)) == ()


MUTANTS = [
    Mutant(
        "core.models.gates",
        "before + torch.log1p(-v), after + torch.log(v)",
        "before + torch.log(v), after + torch.log1p(-v)",
        test_probabilities_are_mixed_and_not_logits,
    ),
    Mutant(
        "core.models.gates",
        "(self.threshold - self.distances(statistics)) / self.width",
        "(self.distances(statistics) - self.threshold) / self.width",
        test_the_gate_is_a_half_at_the_threshold_and_falls_with_the_distance,
    ),
    Mutant(
        "core.models.gates",
        ".values.mean(1)",
        ".values.sum(1)",
        test_the_distance_is_the_mean_to_the_nearest_neighbours,
    ),
    Mutant(
        "core.models.gates",
        ".square_().mean(2).sqrt()",
        ".square_().mean(2)",
        test_statistics_are_mean_and_spread_over_positions_of_every_channel,
    ),
]
