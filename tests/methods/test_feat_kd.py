"""FeatKD: the distance between features against hand-worked numbers and the cosine."""

import torch
import torch.nn.functional as F

from core.methods.feat_kd import FeatKD, feature_loss
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from tests.mutants import Mutant

QUICK = {"epochs": 2, "batch_size": 5, "lr": 1e-3, "clip_norm": 0.0}


def test_the_feature_distance_equals_the_hand_worked_number():
    # At right angles 1 + 1 = 2, opposite 2² = 4, unmoved 0: the mean of three is 2.
    tuned = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    frozen = torch.tensor([[0.0, 1.0], [-1.0, 0.0], [0.0, 1.0]])
    assert feature_loss(tuned, frozen).item() == 2.0


def test_the_feature_distance_of_unit_vectors_is_twice_one_minus_their_cosine():
    torch.manual_seed(0)
    tuned, frozen = (F.normalize(torch.randn(5, 16), dim=1) for _ in range(2))
    cosine = F.cosine_similarity(tuned, frozen)
    torch.testing.assert_close(feature_loss(tuned, frozen), (2 - 2 * cosine).mean())


def test_feat_kd_weighs_the_distance_to_the_frozen_tower_on_the_same_views(tiny_task):
    clip, task = tiny_task
    method = FeatKD(FeatKD.Params(feature_weight=5.0), clip, task)
    method.setup()
    index = torch.tensor([5, 0, 2])
    views = clip.pixels(task.root).training(
        [task.train[i] for i in index], method.params.augmentation, task.seed, 2
    )
    batch = Batch(views, torch.tensor([1, 0, 0]), index, view=2)
    assert abs(method.loss(batch)["features"].item()) < 1e-6
    torch.nn.init.zeros_(method.classifier.tower.ln_post.weight)
    torch.nn.init.ones_(method.classifier.tower.ln_post.bias)
    moved = method.classifier.features(views)
    frozen = FrozenViews(clip, task, method.params.augmentation).view(2)[index]
    expected = 5.0 * (2 - 2 * (moved * frozen).sum(1)).mean()
    torch.testing.assert_close(method.loss(batch)["features"], expected)


def test_an_empty_weight_is_a_tenth_of_the_temperature(tiny_task):
    # open_clip starts a fresh model at τ = 1/0.07 = 14.2857.
    assert FeatKD(FeatKD.Params(), *tiny_task).params.feature_weight == 1.429
    assert FeatKD(FeatKD.Params(feature_weight=2), *tiny_task).params.feature_weight == 2


MUTANTS = [
    Mutant(
        "core.methods.feat_kd",
        "clip.logit_scale / 10",
        "10 / clip.logit_scale",
        test_an_empty_weight_is_a_tenth_of_the_temperature,
    ),
    Mutant(
        "core.methods.feat_kd",
        ".sum(dim=1).mean()",
        ".mean()",
        test_the_feature_distance_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.methods.feat_kd",
        ".square()",
        ".abs()",
        test_the_feature_distance_of_unit_vectors_is_twice_one_minus_their_cosine,
    ),
    Mutant(
        "core.methods.feat_kd",
        "(self.params.feature_weight or 0.0) * feature_loss",
        "feature_loss",
        test_feat_kd_weighs_the_distance_to_the_frozen_tower_on_the_same_views,
    ),
    Mutant(
        "core.methods.feat_kd",
        ".view(batch.view)[batch.index]",
        ".view(batch.view)[: len(tuned)]",
        test_feat_kd_weighs_the_distance_to_the_frozen_tower_on_the_same_views,
    ),
]
