"""FD-Align's losses against numbers worked out by hand and against torch's own divergence."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from core.data.prompts import OPENAI_80, TIP_7
from core.errors import UserError
from core.methods.fd_align import FDAlign, spurious_loss, spurious_prototypes
from core.models.prototypes import context_prototypes
from core.models.spurious import correct
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from tests.mutants import Mutant

# Two prototypes, one image: P₀ = softmax(ln 3, 0) = (3/4, 1/4) and P_t = (1/2, 1/2).
PROTOTYPES = torch.eye(2)
FROZEN = torch.tensor([[math.log(3.0), 0.0]])
TUNED = torch.tensor([[0.0, 0.0]])
KL_FROZEN_TUNED = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # 0.130812
KL_TUNED_FROZEN = 0.5 * math.log(2 / 3) + 0.5 * math.log(2)  # 0.143841


def test_the_loss_equals_the_hand_worked_number_in_the_direction_of_the_code():
    loss = spurious_loss(TUNED, FROZEN, PROTOTYPES, "code", "batch-mean")
    assert loss.item() == pytest.approx(KL_FROZEN_TUNED, abs=1e-6)
    assert loss.item() == pytest.approx(0.130812, abs=1e-6)


def test_the_loss_equals_the_hand_worked_number_in_the_direction_of_the_paper():
    loss = spurious_loss(TUNED, FROZEN, PROTOTYPES, "paper", "batch-mean")
    assert loss.item() == pytest.approx(KL_TUNED_FROZEN, abs=1e-6)
    assert loss.item() == pytest.approx(0.143841, abs=1e-6)


def test_the_mean_over_prototypes_divides_by_their_number_as_well():
    for direction in ("code", "paper"):
        whole = spurious_loss(TUNED, FROZEN, PROTOTYPES, direction, "batch-mean")
        mean = spurious_loss(TUNED, FROZEN, PROTOTYPES, direction, "mean-over-prototypes")
        torch.testing.assert_close(mean, whole / 2)


def test_the_mean_over_prototypes_is_what_the_official_code_asks_torch_for():
    torch.manual_seed(0)
    tuned, frozen = torch.randn(5, 8), torch.randn(5, 8)
    prototypes = torch.randn(7, 8)
    log_tuned = F.log_softmax(tuned @ prototypes.T, 1)
    official = F.kl_div(log_tuned, F.softmax(frozen @ prototypes.T, 1), reduction="none").mean()
    ours = spurious_loss(tuned, frozen, prototypes, "code", "mean-over-prototypes")
    torch.testing.assert_close(ours, official)


def test_the_loss_is_zero_where_nothing_moved_and_stays_finite_at_temperature_100():
    torch.manual_seed(0)
    features = F.normalize(torch.randn(4, 16), dim=1)
    prototypes = 100 * F.normalize(torch.randn(20, 16), dim=1)
    assert spurious_loss(features, features, prototypes, "code", "batch-mean").item() == 0
    opposite = spurious_loss(-features, features, prototypes, "paper", "batch-mean")
    assert math.isfinite(opposite.item())
    assert opposite.item() > 1


def test_the_term_weighs_the_loss_against_the_frozen_tower_on_the_same_views(tiny_task):
    clip, task = tiny_task
    method = FDAlign(FDAlign.Params(spurious_weight=3.0, correction="off"), clip, task)
    method.setup()
    index = torch.tensor([5, 0, 2])
    views = clip.pixels(task.root).training(
        [task.train[i] for i in index], method.params.augmentation, task.seed, 2
    )
    batch = Batch(views, torch.tensor([1, 0, 0]), index, view=2)
    assert abs(method.loss(batch)["spurious"].item()) < 1e-6
    torch.nn.init.ones_(method.classifier.tower.ln_post.bias)
    tuned = method.classifier.features(views)
    frozen = FrozenViews(clip, task, method.params.augmentation).view(2)[index]
    prototypes = clip.logit_scale * context_prototypes(clip, task.names, OPENAI_80)
    whole = spurious_loss(tuned, frozen, prototypes, "code", "mean-over-prototypes")
    torch.testing.assert_close(method.loss(batch)["spurious"], 3.0 * whole)


def test_only_the_tuned_tower_gets_a_gradient_in_training(tiny_task):
    method = FDAlign(FDAlign.Params(epochs=1), *tiny_task)
    list(method.fit())
    assert not any(p.requires_grad for p in tiny_task[0].model.parameters())


def test_correction_keeps_60_of_80_in_20_clusters_and_does_not_normalise_again():
    torch.manual_seed(0)
    contexts = F.normalize(torch.randn(80, 16), dim=1)
    spurious = correct(contexts, seed=0)
    assert sum(spurious.kept) == 60
    assert spurious.centres.shape == (20, 16)
    assert set(spurious.cluster) == {-1, *range(20)}
    assert spurious.centres.norm(dim=1).mean() < 0.9


def test_correction_is_seeded():
    torch.manual_seed(0)
    contexts = F.normalize(torch.randn(80, 16), dim=1)
    first, again = correct(contexts, seed=3), correct(contexts, seed=3)
    assert torch.equal(first.centres, again.centres)
    assert first.kept == again.kept
    assert correct(contexts, seed=4).kept != first.kept


def test_correction_drops_the_template_that_is_far_from_the_others():
    torch.manual_seed(0)
    contexts = F.normalize(torch.ones(40, 16) + 0.05 * torch.randn(40, 16), dim=1)
    contexts[7] *= -1
    assert not correct(contexts, seed=0).kept[7]


@pytest.mark.parametrize(("count", "kept", "centres"), [(7, 5, 5), (80, 60, 20), (24, 18, 18)])
def test_short_template_lists_shrink_both_numbers(count, kept, centres):
    torch.manual_seed(0)
    spurious = correct(F.normalize(torch.randn(count, 8), dim=1), seed=0)
    assert sum(spurious.kept) == kept
    assert len(spurious.centres) == centres


def test_of_very_few_templates_there_are_as_many_prototypes_as_there_can_be():
    torch.manual_seed(0)
    for count in (1, 2, 3):
        contexts = F.normalize(torch.randn(count, 8), dim=1)
        assert len(correct(contexts, seed=0).centres) == min(count, 2)
        clusters = correct(contexts, seed=0, kept=None, centres=2)
        assert (len(clusters.centres), all(clusters.kept)) == (min(count, 2), True)
    same = torch.ones(5, 8)
    assert len(correct(same, seed=0, kept=None, centres=3).centres) == 1


@pytest.mark.parametrize("count", [7, 60, 61, 80])
def test_clusters_alone_drop_no_template_and_outliers_alone_merge_none(count, tiny_task):
    torch.manual_seed(0)
    contexts = F.normalize(torch.randn(count, 8), dim=1)
    clusters = correct(contexts, seed=0, kept=None)
    assert all(clusters.kept)
    assert len(clusters.centres) == min(count, 20)
    outliers = correct(contexts, seed=0, centres=None)
    assert sum(outliers.kept) == len(outliers.centres) == min(60, round(0.75 * count))
    torch.testing.assert_close(outliers.centres, contexts[torch.tensor(outliers.kept)])


def test_the_knob_of_the_correction_means_what_it_says(tiny_task):
    found = {
        kind: spurious_prototypes(*tiny_task, FDAlign.Params(prototypes="tip-7", correction=kind))
        for kind in ("full", "outliers", "clusters", "off")
    }
    assert {k: sum(v.kept) for k, v in found.items()} == {
        "full": 5, "outliers": 5, "clusters": 7, "off": 7,
    }  # fmt: skip


def test_the_forest_keeps_three_quarters_at_most_however_many_are_asked_for():
    torch.manual_seed(0)
    contexts = F.normalize(torch.randn(80, 8), dim=1)
    assert [sum(correct(contexts, 0, kept=kept).kept) for kept in (59, 79, 80)] == [59, 60, 60]


def test_one_template_holds_nothing_and_is_refused_before_training(tiny_task):
    clip, task = tiny_task
    one = replace(task, templates=("a photo of a {}.",))
    params = FDAlign.Params(prototypes="dataset")
    with pytest.raises(UserError, match=r"prototypes: .* there is 1, so it would have no effect"):
        FDAlign(params, clip, one)
    with pytest.raises(UserError, match="there is 1"):
        FDAlign(params, clip, replace(one, templates=one.templates * 2))
    FDAlign(FDAlign.Params(), clip, one)  # openai-80
    weightless = FDAlign.Params(prototypes="dataset", spurious_weight=0, epochs=1)
    list(FDAlign(weightless, clip, one).fit())
    two = replace(task, templates=("a photo of a {}.", "art of a {}."))
    list(FDAlign(FDAlign.Params(prototypes="dataset", epochs=1), clip, two).fit())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, None),
        ({"prototypes": "tip-7"}, "7 templates leave 5 to merge into 20"),
        ({"prototypes": "tip-7", "centres": 4}, None),
        ({"prototypes": "tip-7", "correction": "clusters", "centres": 7}, "leave 7 to merge"),
        ({"prototypes": "tip-7", "correction": "outliers"}, None),
        ({"prototypes": "tip-7", "correction": "off"}, None),
    ],
)
def test_fewer_templates_than_clusters_are_said(settings, said):
    notes = " ".join(FDAlign.check(FDAlign.Params(**settings), ()))
    assert said in notes if said else notes == ""


def test_the_weight_is_the_published_one_whatever_the_temperature(tiny_task):
    clip, task = tiny_task  # open_clip starts a fresh model at τ = 1/0.07
    assert FDAlign(FDAlign.Params(), clip, task).params.spurious_weight == 20


def test_an_excluded_template_has_no_part_in_the_prototypes(tiny_task):
    clip, task = tiny_task
    odd = "itap of a {}."
    left = [text for text in OPENAI_80 if text != odd]
    settings = {"correction": "off", "excluded_templates": [odd]}
    found = spurious_prototypes(clip, task, FDAlign.Params.parse(settings, "fd-align"))
    expected = context_prototypes(clip, task.names, left)
    assert len(found.centres) == 79
    torch.testing.assert_close(found.centres, expected)
    whole = spurious_prototypes(clip, task, FDAlign.Params(correction="off"))
    assert len(whole.centres) == 80, "the control"


@pytest.mark.parametrize(
    ("prototypes", "excluded", "sentence"),
    [
        ("openai-80", ["itap of a {}"], r"Did you mean 'itap of a {}\.'"),
        ("tip-7", ["a photo of a {}."], "excluded_templates: there is no"),
        ("tip-7", TIP_7[:6], "at least 2 of the 7 templates must be left, got 1"),
    ],
)
def test_what_cannot_be_excluded_is_said_before_there_is_data(prototypes, excluded, sentence):
    with pytest.raises(UserError, match=sentence):
        FDAlign.Params.parse({"prototypes": prototypes, "excluded_templates": excluded}, "fd-align")


def test_of_the_runs_own_prompts_the_data_decides_what_can_be_excluded():
    own = ("a photo of a {}.", "a sketch of a {}.", "art of a {}.")
    settings = {"prototypes": "dataset", "excluded_templates": ["art of a {}."]}
    assert FDAlign.Params(**settings).templates_for(own) == own[:2]
    wrong = FDAlign.Params(**{**settings, "excluded_templates": ["a doodle of a {}."]})
    with pytest.raises(UserError, match="there is no 'a doodle"):
        wrong.templates_for(own)


MUTANTS = [
    Mutant(
        "core.methods.fd_align",
        "resolve_templates(self.prototypes, own)\n            if not",
        "resolve_templates(self.prototypes, own)\n            if",
        test_an_excluded_template_has_no_part_in_the_prototypes,
    ),
    Mutant(
        "core.methods.fd_align",
        '(log_frozen, log_tuned) if direction == "code"',
        '(log_frozen, log_tuned) if direction == "paper"',
        test_the_loss_equals_the_hand_worked_number_in_the_direction_of_the_code,
    ),
    Mutant(
        "core.methods.fd_align",
        "(first - second)",
        "(second - first)",
        test_the_loss_equals_the_hand_worked_number_in_the_direction_of_the_paper,
    ),
    Mutant(
        "core.methods.fd_align",
        "divergence / len(prototypes)",
        "divergence",
        test_the_mean_over_prototypes_divides_by_their_number_as_well,
    ),
    Mutant(
        "core.methods.fd_align",
        ".sum(dim=1).mean()",
        ".sum(dim=1).sum()",
        test_the_mean_over_prototypes_is_what_the_official_code_asks_torch_for,
    ),
    Mutant(
        "core.methods.fd_align",
        "self.params.spurious_weight * drift",
        "drift",
        test_the_term_weighs_the_loss_against_the_frozen_tower_on_the_same_views,
    ),
    Mutant(
        "core.methods.fd_align",
        ".view(batch.view)[batch.index]",
        ".view(0)[batch.index]",
        test_the_term_weighs_the_loss_against_the_frozen_tower_on_the_same_views,
    ),
    Mutant(
        "core.methods.fd_align",
        "spurious.centres * self.clip.logit_scale",
        "spurious.centres * 1.0",
        test_the_term_weighs_the_loss_against_the_frozen_tower_on_the_same_views,
    ),
    Mutant(
        "core.models.spurious",
        "np.argsort(-scores",
        "np.argsort(scores",
        test_correction_drops_the_template_that_is_far_from_the_others,
    ),
    Mutant(
        "core.models.spurious",
        "IsolationForest(random_state=seed)",
        "IsolationForest(random_state=0)",
        test_correction_is_seeded,
    ),
    Mutant(
        "core.models.spurious",
        "labels, merged = kmeans.labels_, kmeans.cluster_centers_",
        "labels, merged = kmeans.labels_, points[:centres]",
        test_correction_keeps_60_of_80_in_20_clusters_and_does_not_normalise_again,
    ),
]
