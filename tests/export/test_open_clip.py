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


def test_a_text_tower_that_the_head_tuned_is_exported_and_verified(clip, tmp_path):
    from safetensors.torch import load_file

    from core.models.text_head import TextHead

    torch.manual_seed(2)
    tokens = clip.tokens([["a photo of a cat.", "a cat."], ["a photo of a dog.", "a dog."]])
    classifier = clip.with_copied_tower(TextHead.over(clip, tokens)).requires_grad_(False)
    for parameter in classifier.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    exported = export_open_clip(clip, classifier, tmp_path / "out", {})
    assert exported.verified, exported.check
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{exported.folder}")
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        ours = torch.nn.functional.normalize(clip.encode_text(["a cat."]), dim=-1)
        theirs = model.eval().encode_text(tokens[0, 1:], normalize=True)
        assert not torch.allclose(theirs, ours, atol=1e-2)
        torch.testing.assert_close(theirs, classifier.head.encode(tokens[0, 1:]))
        torch.testing.assert_close(model.logit_scale, classifier.head.text.logit_scale)
        head = load_file(exported.folder / "head.safetensors")
        features = classifier.features(images)
        torch.testing.assert_close(features @ head["weight"].T, classifier(images))


def test_a_folder_with_other_things_in_it_is_refused_and_kept(clip, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"holds other files \('thesis.tex'\)"):
        export_open_clip(clip, moved(clip), tmp_path, {})
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
