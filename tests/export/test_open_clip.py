"""The exported checkpoint, loaded by open_clip alone."""

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import UserError
from core.export import open_clip as exporting
from core.export.open_clip import export_open_clip
from core.export.source import Source


@pytest.fixture(scope="module")
def clip(vit):
    return vit.clip


@pytest.fixture(scope="module")
def exported(vit, tmp_path_factory):
    return export_open_clip(vit, tmp_path_factory.mktemp("open-clip"))


def test_plain_open_clip_loads_the_folder_with_equal_features(clip, vit, exported):
    classifier = vit.classifier
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


def test_the_head_beside_it_gives_the_classifiers_logits(vit, exported):
    classifier = vit.classifier
    head = load_file(exported.folder / "head.safetensors")
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        features = classifier.features(images)
        torch.testing.assert_close(features @ head["weight"].T, classifier(images))


def test_a_text_tower_that_the_head_tuned_is_exported_and_verified(clip, tmp_path):
    from core.models.text_head import TextHead

    torch.manual_seed(2)
    tokens = clip.tokens([["a photo of a cat.", "a cat."], ["a photo of a dog.", "a dog."]])
    classifier = clip.with_copied_tower(TextHead.over(clip, tokens)).requires_grad_(False)
    for parameter in classifier.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    exported = export_open_clip(
        Source(clip, classifier, {"names": ["cat", "dog"]}), tmp_path / "out"
    )
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


def test_a_folder_with_other_things_in_it_is_refused_and_kept(vit, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"holds other files \('thesis.tex'\)"):
        export_open_clip(vit, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_damaged_weight_is_caught(vit, tmp_path, monkeypatch):
    """One weight of the file changed after it was written: verification must not pass."""
    write_head = exporting.write_head

    def damaged(source, folder):
        state = load_file(folder / exporting.WEIGHTS)
        state["visual.proj"][0] += 1
        save_file(state, folder / exporting.WEIGHTS, metadata={"format": "pt"})
        write_head(source, folder)

    monkeypatch.setattr(exporting, "write_head", damaged)
    with pytest.raises(UserError, match=r"not the run's: image features .*allowed 1e-05"):
        export_open_clip(vit, tmp_path)
