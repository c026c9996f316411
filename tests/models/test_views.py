"""Views: the same (seed, image, view) gives the same pixels, and each of the three matters."""

import torch
from PIL import Image

from core.data.dataset import Item
from core.models.pixels import PixelStore
from core.models.transforms import Augmentation, Preprocess

PREPROCESS = Preprocess(24, (0.5,) * 3, (0.5,) * 3)
AUGMENTATION = Augmentation(crop_min=0.3)


def make_items(folder, count=3):
    torch.manual_seed(0)
    items = []
    for number in range(count):
        pixels = torch.randint(0, 255, (40, 64, 3), dtype=torch.uint8).numpy()
        Image.fromarray(pixels).save(folder / f"{number}.png")
        items.append(Item(f"{number}.png", number, f"sha-{number}"))
    return items


def test_a_view_depends_on_seed_image_and_number_and_on_nothing_else(tmp_path):
    items = make_items(tmp_path)
    first = PixelStore(tmp_path, PREPROCESS).training(items, AUGMENTATION, seed=1, view=2)
    alone = PixelStore(tmp_path, PREPROCESS).training(items[1:2], AUGMENTATION, seed=1, view=2)
    assert torch.equal(first[1], alone[0])
    store = PixelStore(tmp_path, PREPROCESS)
    for seed, view in ((1, 3), (2, 2)):
        assert not torch.equal(first, store.training(items, AUGMENTATION, seed, view))


def test_a_view_does_not_depend_on_the_memory_bound(tmp_path):
    items = make_items(tmp_path)
    roomy = PixelStore(tmp_path, PREPROCESS)
    tight = PixelStore(tmp_path, PREPROCESS, memory_bytes=1)
    for _ in range(2):
        assert torch.equal(roomy.evaluation(items), tight.evaluation(items))
    assert len(tight._held) == 1


def test_images_are_decoded_once(tmp_path, monkeypatch):
    import core.models.pixels as module

    items, decoded, read = make_items(tmp_path), [], module.read_image
    monkeypatch.setattr(module, "read_image", lambda path: decoded.append(path) or read(path))
    store = PixelStore(tmp_path, PREPROCESS)
    for view in range(4):
        store.training(items, AUGMENTATION, seed=0, view=view)
    assert len(decoded) == len(items)


def test_batches_come_in_order_and_the_last_may_be_short(tmp_path):
    items = make_items(tmp_path, 5)
    store = PixelStore(tmp_path, PREPROCESS)
    batches = list(store.evaluation_batches(items, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert torch.equal(torch.cat(batches), store.evaluation(items))
    assert list(store.evaluation_batches([], 2)) == []


def test_the_evaluation_view_is_open_clips(tmp_path):
    from open_clip.transform import PreprocessCfg, image_transform_v2

    config = PreprocessCfg(size=24, mean=PREPROCESS.mean, std=PREPROCESS.std)
    picture = Image.effect_noise((50, 31), 80).convert("RGB")
    theirs = image_transform_v2(config, is_train=False)(picture)
    ours = (PREPROCESS.evaluation_view(picture).float() / 255 - 0.5) / 0.5
    torch.testing.assert_close(ours, theirs)
