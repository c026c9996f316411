"""The stress set is synthetic and deterministic, and counts for no OOD number."""

import numpy as np
import pytest
from PIL import Image

from core.data.dataset import Item
from core.data.stress import EFFECTS, stress_items, stressed
from core.evaluation.stress import measure_stress
from core.models.heads import LinearHead
from core.models.prototypes import class_prototypes
from core.results.records import RunConfig
from core.run.pipeline import run


def picture():
    pixels = np.random.default_rng(3).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((60, 48))


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_changes_the_pixels_and_always_in_the_same_way(effect):
    image = picture()
    once, again = stressed(image, effect, "a"), stressed(image, effect, "a")
    assert (once.mode, once.size) == ("RGB", image.size)
    assert once.tobytes() == again.tobytes() != image.tobytes()
    drawn = effect in ("night", "noise", "crop", "background")
    assert (stressed(image, effect, "b").tobytes() != once.tobytes()) is drawn


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_image_of_one_pixel_is_borne(effect):
    assert stressed(Image.new("RGB", (1, 1)), effect, "a").size == (1, 1)


def test_the_images_are_bounded_and_every_class_has_its_share():
    items = [Item(f"{label}/{i}", label, f"{label}-{i}") for label in (0, 1) for i in range(50)]
    chosen = stress_items(items, most=20)
    assert [sum(item.label == label for item in chosen) for label in (0, 1)] == [10, 10]
    assert stress_items(items[::-1], most=20) == chosen


def test_every_effect_is_scored_on_the_test_images(tiny_task):
    clip, task = tiny_task
    head = LinearHead(class_prototypes(clip, task.names, task.templates), clip.logit_scale)
    found = measure_stress(clip.with_head(head), clip, task)
    assert set(found) == set(EFFECTS)
    assert {score.n for score in found.values()} == {len(task.test)}


@pytest.mark.parametrize("asked", [None, True])
def test_it_is_measured_on_request_only_where_real_domains_are(
    tiny_model, tiny_data, tmp_path, asked
):
    config = RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        method="lp",
        shots=2,
        alphas=(0, 1),
        stress=asked,
    )
    steps = run(config, tmp_path / "run")
    try:
        while True:
            next(steps)
    except StopIteration as end:
        record = end.value
    assert set(record.stress) == ({"zero-shot", "fine-tuned"} if asked else set())
    tuned = record.evaluations["fine-tuned"]
    real = [s.accuracy for name, s in tuned.domains.items() if name.startswith("ood/")]
    assert tuned.ood == pytest.approx(sum(real) / len(real)), "no synthetic number is in the mean"
    assert not set(EFFECTS) & set(tuned.domains)
