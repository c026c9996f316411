"""The exported checkpoint, loaded by open_clip alone."""

import open_clip
import pytest
import torch

from core.errors import UserError
from core.export.open_clip import export_open_clip
from core.models import zoo


@pytest.fixture(scope="module")
def clip(tiny_model):
    return zoo.load(str(tiny_model), device="cpu", precision="fp32")


def moved(clip):
    """A classifier whose tower is not CLIP's any more."""
    torch.manual_seed(1)
    classifier = clip.classifier(torch.eye(3, 32)).requires_grad_(False)
    for parameter in classifier.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    return classifier


def test_plain_open_clip_loads_the_folder_with_equal_features(clip, tmp_path):
    classifier = moved(clip)
    exported = export_open_clip(clip, classifier, tmp_path / "out", {"classes": ["a", "b", "c"]})
    assert exported.verified, exported.check
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{exported.folder}")
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        theirs = model.eval().encode_image(images, normalize=True)
        assert not torch.allclose(theirs, clip.model.encode_image(images, normalize=True))
        torch.testing.assert_close(theirs, classifier.features(images))
    from PIL import Image

    picture = Image.effect_noise((50, 70), 90).convert("RGB")
    ours = clip.preprocess.evaluation_view(picture)
    normalised = (ours[None].float() / 255 - classifier.mean) / classifier.std
    torch.testing.assert_close(preprocess(picture)[None], normalised)


def test_the_head_beside_it_gives_the_classifiers_logits(clip, tmp_path):
    from safetensors.torch import load_file

    classifier = moved(clip)
    exported = export_open_clip(clip, classifier, tmp_path / "out", {})
    head = load_file(exported.folder / "head.safetensors")
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        features = classifier.features(images)
        torch.testing.assert_close(features @ head["weight"].T, classifier(images))


def test_a_folder_with_other_things_in_it_is_refused_and_kept(clip, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"holds other files \('thesis.tex'\)"):
        export_open_clip(clip, moved(clip), tmp_path, {})
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
