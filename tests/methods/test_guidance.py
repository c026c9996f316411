"""CAR-FT, Lipsum-FT and the grid between them, against numbers worked out by hand."""

import copy
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from core.errors import UserError
from core.methods import guidance
from core.methods.car_ft import CarFT
from core.methods.guidance import GuidedMethod, TextGuidance, divergence, guidance_loss
from core.methods.lipsum_ft import LipsumFT
from core.models.array_cache import ArrayCache
from core.models.prototypes import context_prototypes
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from tests.mutants import Mutant

QUICK = {"epochs": 2, "batch_size": 5, "lr": 1e-3, "clip_norm": 0.0}


def trained(method) -> dict[str, torch.Tensor]:
    list(method.fit())
    return method.classifier.state_dict()


def same_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_the_squares_equal_the_hand_worked_number():
    # Texts that carry τ = 2 and 4. v_θ = (2·1, 4·0), v_θ₀ = (2·0, 4·1): Δv = (2, −4).
    # ‖Δv‖² = 20, over 2M = 4: 5. A second image that did not move halves the batch mean.
    texts = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    tuned, frozen = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    loss = guidance_loss(tuned, frozen, texts, "mse", "frozen-tuned")
    assert loss.item() == pytest.approx(5.0)
    two = guidance_loss(
        torch.cat([tuned, frozen]), torch.cat([frozen, frozen]), texts, "mse", "frozen-tuned"
    )
    assert two.item() == pytest.approx(2.5)


def test_the_squares_are_half_the_mean_square_of_answers_that_carry_tau():
    # The official code forms τ·f̂·ĝᵀ of both towers, subtracts, squares, and takes half the mean.
    torch.manual_seed(0)
    tuned, frozen = (F.normalize(torch.randn(6, 16), dim=1) for _ in range(2))
    texts, tau = F.normalize(torch.randn(80, 16), dim=1), 100.0
    expected = 0.5 * F.mse_loss(tau * (tuned @ texts.T), tau * (frozen @ texts.T))
    loss = guidance_loss(tuned, frozen, tau * texts, "mse", "frozen-tuned")
    torch.testing.assert_close(loss, expected)
    # The energy gap's closed form: ½·τ²·dᵀSd with S the mean of ĝĝᵀ.
    d, s = tuned - frozen, texts.T @ texts / len(texts)
    torch.testing.assert_close(loss, 0.5 * tau**2 * ((d @ s) * d).sum(1).mean())


# One image, two texts: P₀ = softmax(ln 3, 0) = (3/4, 1/4) and P_t = softmax(0, 0) = (1/2, 1/2).
FROZEN, TUNED = torch.tensor([[math.log(3.0), 0.0]]), torch.zeros(1, 2)


def test_the_divergence_equals_the_hand_worked_number_in_both_directions():
    # KL(P₀‖P_t) = ¾·ln(3/2) + ¼·ln(1/2) = 0.130812; KL(P_t‖P₀) = ½·ln(2/3) + ½·ln 2 = 0.143841.
    texts = torch.eye(2)
    forward = guidance_loss(TUNED, FROZEN, texts, "kld", "frozen-tuned")
    backward = guidance_loss(TUNED, FROZEN, texts, "kld", "tuned-frozen")
    assert forward.item() == pytest.approx(0.130812, abs=1e-6)
    assert backward.item() == pytest.approx(0.143841, abs=1e-6)


def test_the_divergence_is_torchs_own_and_the_batch_mean():
    torch.manual_seed(0)
    first, second = 100 * torch.randn(7, 5), 100 * torch.randn(7, 5)
    theirs = F.kl_div(
        F.log_softmax(second, 1), F.log_softmax(first, 1), reduction="batchmean", log_target=True
    )
    torch.testing.assert_close(divergence(first, second), theirs)


@pytest.mark.parametrize("distance", ["kld", "mse"])
def test_the_guidance_is_zero_where_nothing_moved_and_finite_where_all_did(distance):
    torch.manual_seed(0)
    features = F.normalize(torch.randn(4, 16), dim=1)
    texts = 100 * F.normalize(torch.randn(20, 16), dim=1)
    assert guidance_loss(features, features, texts, distance, "frozen-tuned").item() == 0
    for direction in ("frozen-tuned", "tuned-frozen"):
        far = guidance_loss(-features, features, texts, distance, direction).item()
        assert math.isfinite(far)
        assert far > 1


def test_random_guidance_by_squares_is_lipsum_ft_bit_by_bit(tiny_task):
    car = CarFT(CarFT.Params(**QUICK, guidance="random", distance="mse"), *tiny_task)
    lipsum = LipsumFT(LipsumFT.Params(**QUICK), *tiny_task)
    assert car.params.model_dump() == lipsum.params.model_dump()
    assert same_weights(trained(car), trained(lipsum))


def test_fixed_guidance_by_divergence_is_car_ft_bit_by_bit(tiny_task):
    lipsum = LipsumFT(LipsumFT.Params(**QUICK, guidance="fixed", distance="kld"), *tiny_task)
    assert same_weights(trained(lipsum), trained(CarFT(CarFT.Params(**QUICK), *tiny_task)))


def test_the_four_cells_of_the_grid_differ(tiny_task):
    cells = [
        trained(CarFT(CarFT.Params(**QUICK, guidance=guidance, distance=distance), *tiny_task))
        for guidance in ("fixed", "random")
        for distance in ("kld", "mse")
    ]
    for index, cell in enumerate(cells):
        assert not any(same_weights(cell, other) for other in cells[index + 1 :])


@pytest.mark.parametrize("method", [CarFT, LipsumFT])
def test_a_heavy_weight_keeps_the_features_of_the_training_views(method, tiny_task):
    clip, task = tiny_task
    kept = []
    for weight in (0.0, 1e4):
        tuned = method(method.Params(**QUICK, guidance_weight=weight), clip, task)
        list(tuned.fit())
        features = clip.features_of(tuned.classifier, task.root, task.train)
        kept.append((features - clip.evaluation_features(task.root, task.train)).norm().item())
    assert kept[1] < kept[0] / 2


def check_term(method, tiny_task) -> None:
    """λ times the loss of the features that the batch names, against the texts of the run."""
    clip, task = tiny_task
    params = method.Params(guidance_weight=3.0).resolved(clip)
    guidance, twin = (TextGuidance(clip, task, params) for _ in range(2))
    index = torch.tensor([5, 0, 2])
    batch = Batch(torch.empty(0), torch.zeros(3, dtype=torch.long), index, view=2)
    tuned = F.normalize(torch.randn(3, clip.embed_dim), dim=1)
    frozen = FrozenViews(clip, task, params.augmentation).view(2)[index]
    whole = guidance_loss(tuned, frozen, twin.texts(), params.distance, params.direction)
    torch.testing.assert_close(guidance.term(tuned, batch), 3.0 * whole)
    assert guidance.term(frozen, batch).item() == 0


def test_the_term_compares_with_the_frozen_tower_on_the_same_views(tiny_task):
    check_term(CarFT, tiny_task)
    check_term(LipsumFT, tiny_task)


def test_fixed_texts_are_the_context_head_times_tau(tiny_task):
    clip, task = tiny_task
    texts = TextGuidance(clip, task, CarFT.Params(contexts="tip-7")).texts()
    from core.data.prompts import TIP_7

    contexts = context_prototypes(clip, task.names, TIP_7)
    torch.testing.assert_close(texts, clip.logit_scale * contexts)
    assert len(TextGuidance(clip, task, CarFT.Params()).texts()) == 80


def test_random_texts_are_new_at_every_step_the_same_in_every_run_and_carry_tau(tiny_task):
    clip, task = tiny_task
    params = LipsumFT.Params(random_texts=30, text_length=4)
    guidance, again = (TextGuidance(clip, task, params) for _ in range(2))
    first, second = guidance.texts(), guidance.texts()
    assert first.shape == (30, clip.embed_dim)
    assert not torch.equal(first, second)
    assert torch.equal(first, again.texts())
    assert torch.equal(second, again.texts())
    assert not torch.equal(first, TextGuidance(clip, replace(task, seed=1), params).texts())
    torch.testing.assert_close(first.norm(dim=1), torch.full((30,), clip.logit_scale))


def test_what_a_large_tower_makes_of_random_texts_is_read_by_the_next_run(
    tiny_task, tmp_path, monkeypatch
):
    clip, task = copy.copy(tiny_task[0]), tiny_task[1]
    expected = TextGuidance(clip, task, LipsumFT.Params()).texts()
    monkeypatch.setattr(guidance, "LARGE_TEXT_TOWER", 0)
    clip.cache = ArrayCache(tmp_path)
    first = TextGuidance(clip, task, LipsumFT.Params())
    texts = [first.texts() for _ in range(2)]
    monkeypatch.setattr(guidance, "encode_tokens", lambda *_: pytest.fail("computed again"))
    second = TextGuidance(clip, task, LipsumFT.Params())
    assert all(torch.equal(second.texts(), kept) for kept in texts)
    assert torch.equal(texts[0], expected)
    assert not torch.equal(texts[0], texts[1])


def test_the_published_weight_is_the_default_whatever_the_temperature(tiny_task):
    for method in (CarFT, LipsumFT):
        assert method(method.Params(), *tiny_task).params.guidance_weight == 1.0


def test_texts_longer_than_the_model_reads_stop_the_run_with_a_sentence(tiny_task):
    with pytest.raises(UserError, match="at most 75 tokens"):
        list(LipsumFT(LipsumFT.Params(**QUICK, text_length=76), *tiny_task).fit())


@pytest.mark.parametrize(
    ("method", "settings", "said"),
    [
        (CarFT, {"contexts": "dataset"}, "contexts: CAR-FT compares .* there is 1"),
        (CarFT, {"contexts": "dataset", "distance": "mse"}, None),
        (CarFT, {"contexts": "dataset", "guidance_weight": 0}, None),
        (CarFT, {}, None),
        (CarFT, {"guidance": "random", "random_texts": 1}, "random_texts: .* there is 1"),
        (LipsumFT, {"random_texts": 1}, None),
        (LipsumFT, {"random_texts": 1, "distance": "kld"}, "random_texts: Lipsum-FT"),
    ],
)
def test_a_divergence_over_one_text_holds_nothing_and_is_refused(tiny_task, method, settings, said):
    clip, task = tiny_task
    one = replace(task, templates=("a photo of a {}.",))
    if said is None:
        method(method.Params(**settings), clip, one)
        return
    with pytest.raises(UserError, match=said):
        method(method.Params(**settings), clip, one)


def test_the_term_enters_the_loss_as_it_is():
    class Probe(GuidedMethod):
        def __init__(self):
            images = torch.nn.Flatten()
            self.classifier = SimpleNamespace(features=images, head=lambda features: features)
            self.guidance = SimpleNamespace(term=lambda tuned, _: 3 * tuned.sum())

        def cross_entropy(self, logits, labels):
            return logits.sum() + labels.sum()

    batch = SimpleNamespace(images=torch.ones(2, 1, 1, 2), labels=torch.tensor([1, 2]))
    loss = Probe().loss(batch)
    assert {name: float(term) for name, term in loss.items()} == {"class": 7.0, "guidance": 12.0}


MUTANTS = [
    Mutant(
        "core.methods.guidance",
        "(2 * len(texts))",
        "len(texts)",
        test_the_squares_equal_the_hand_worked_number,
    ),
    Mutant(
        "core.methods.guidance",
        "gap.square().sum(dim=1).mean() / (2 * len(texts))",
        "gap.square().sum(dim=1).mean() / 2",
        test_the_squares_equal_the_hand_worked_number,
    ),
    Mutant(
        "core.methods.guidance",
        "gap.square().sum(dim=1).mean()",
        "gap.square().sum(dim=1).sum()",
        test_the_squares_equal_the_hand_worked_number,
    ),
    Mutant(
        "core.methods.guidance",
        "(tuned - frozen) @ texts.T",
        "(tuned - frozen) @ F.normalize(texts, dim=1).T",
        test_the_squares_are_half_the_mean_square_of_answers_that_carry_tau,
    ),
    Mutant(
        "core.methods.guidance",
        'if direction == "frozen-tuned"',
        'if direction == "tuned-frozen"',
        test_the_divergence_equals_the_hand_worked_number_in_both_directions,
    ),
    Mutant(
        "core.methods.guidance",
        "(log_first - log_second)",
        "(log_second - log_first)",
        test_the_divergence_equals_the_hand_worked_number_in_both_directions,
    ),
    Mutant(
        "core.methods.guidance",
        "(log_first - log_second)).sum(dim=1).mean()",
        "(log_first - log_second)).mean()",
        test_the_divergence_is_torchs_own_and_the_batch_mean,
    ),
    Mutant(
        "core.methods.guidance",
        "return params.guidance_weight * loss",
        "return loss",
        test_the_term_compares_with_the_frozen_tower_on_the_same_views,
    ),
    Mutant(
        "core.methods.guidance",
        ".view(batch.view)[batch.index]",
        ".view(0)[batch.index]",
        test_the_term_compares_with_the_frozen_tower_on_the_same_views,
    ),
    Mutant(
        "core.methods.guidance",
        ".view(batch.view)[batch.index]",
        ".view(batch.view)[: len(tuned)]",
        test_the_term_compares_with_the_frozen_tower_on_the_same_views,
    ),
    Mutant(
        "core.methods.guidance",
        "(texts * self._clip.logit_scale)",
        "texts",
        test_random_texts_are_new_at_every_step_the_same_in_every_run_and_carry_tau,
    ),
    Mutant(
        "core.methods.guidance",
        "unit(encode_tokens(self._clip, tokens))",
        "encode_tokens(self._clip, tokens)",
        test_random_texts_are_new_at_every_step_the_same_in_every_run_and_carry_tau,
    ),
    Mutant(
        "core.methods.guidance",
        "torch.Generator().manual_seed(-1 - task.seed)",
        "torch.Generator()",
        test_random_texts_are_new_at_every_step_the_same_in_every_run_and_carry_tau,
    ),
    Mutant(
        "core.methods.car_ft",
        '] = "fixed"',
        '] = "random"',
        test_fixed_guidance_by_divergence_is_car_ft_bit_by_bit,
    ),
    Mutant(
        "core.methods.guidance",
        '"guidance": self.guidance.term(tuned, batch)',
        '"guidance": -self.guidance.term(tuned, batch)',
        test_the_term_enters_the_loss_as_it_is,
    ),
    Mutant(
        "core.methods.guidance",
        '"class": self.cross_entropy(',
        '"class": 0 * self.cross_entropy(',
        test_the_term_enters_the_loss_as_it_is,
    ),
]
