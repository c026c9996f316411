"""Both checkpoints, the gate and their reader, in processes without our packages."""

import ast
import json
import shutil
import subprocess
import sys

import open_clip
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from core.export.snippets import odd_pictures
from core.export.source import Source
from core.export.steady_open_clip import export_steady_open_clip
from core.models.text_head import TextHead
from tests.export.conftest import steady_source

FILES = {"open_clip_model.safetensors", "open_clip_config.json", "head.safetensors"}


@pytest.fixture(scope="module")
def exported(steady_vit, tmp_path_factory):
    return export_steady_open_clip(steady_vit, tmp_path_factory.mktemp("steady-open-clip"))


def test_it_was_verified_by_its_own_reader_and_its_checkpoints_by_open_clip(exported):
    assert exported.verified, exported.check
    assert [one.output for one in exported.differences] == [
        *(
            f"{end} {what}"
            for end in ("zero-shot", "tuned")
            for what in ("image features", "text features", "logits of photos")
        ),
        "probabilities",
        "probabilities one by one",
        "familiarity",
    ]


def test_plain_open_clip_loads_both_ends_and_each_has_its_head(exported, steady_vit):
    images = torch.randn(3, 3, 32, 32)
    for name, ours in (
        ("zero-shot", steady_vit.steady.zero_shot),
        ("tuned", steady_vit.steady.tuned),
    ):
        folder = exported.folder / name
        assert {path.name for path in folder.iterdir()} > FILES
        model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
        weight = load_file(folder / "head.safetensors")["weight"]
        with torch.inference_mode():
            theirs = model.eval().encode_image(images, normalize=True) @ weight.T
            torch.testing.assert_close(theirs, ours(images), atol=1e-4, rtol=1e-4)
    assert json.loads((folder / "evenkeel.json").read_text())["alpha"] == 0.8


def test_the_gates_file_says_all_that_the_reader_must_know(exported, steady_vit):
    with safe_open(exported.folder / "gate.safetensors", "pt") as file:
        told = {name: json.loads(text) for name, text in file.metadata().items()}
        assert set(file.keys()) == {"bank", "mean", "std", "threshold", "width"}
    assert told["layers"] == ["conv1", "transformer.resblocks.0"]
    assert (told["neighbours"], told["unfamiliar"], told["temperatures"]) == (2, 0.25, [1.5, 0.5])
    assert told["fingerprint"] == steady_vit.clip.fingerprint
    assert told["classes"] == ["red_fox", "otter", "owl"]


def run_reader(folder, *photos):
    command = [sys.executable, "-B", str(folder / "steady.py"), *map(str, photos)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_reader_prints_class_probability_and_familiarity(exported, steady_vit, tmp_path):
    photos = steady_vit.zero_shot.shown[:2]
    done = run_reader(exported.folder, *photos)
    assert done.returncode == 0, done.stderr
    own = steady_vit.own()
    expected = [
        f"{photo}: {steady_vit.card['names'][int(p.argmax())]} {float(p.max()):.1%}, "
        f"familiarity {float(g):.2f}"
        for photo, p, g in zip(photos, own["probabilities"], own["familiarity"], strict=False)
    ]
    assert done.stdout.splitlines() == expected


def test_another_zero_shot_checkpoint_is_refused_in_one_sentence(exported, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(exported.folder, folder)
    path = folder / "zero-shot" / "open_clip_model.safetensors"
    state = load_file(path)
    state["visual.conv1.weight"][0, 0, 0, 0] += 1e-3
    save_file(state, path, metadata={"format": "pt"})
    done = run_reader(folder, "photo.jpg")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "zero-shot/ holds other weights than those that the gate was made for."
    )


def test_the_reader_is_short_and_needs_nothing_of_ours(exported):
    text = (exported.folder / "steady.py").read_text("utf-8")
    assert len(text.splitlines()) <= 40
    roots = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert roots - set(sys.stdlib_module_names) == {"open_clip", "torch", "safetensors", "PIL"}


def answers(folder, photos, old="", new=""):
    """The reader's answers for photos, with one place of it changed."""
    source = (folder / "steady.py").read_text("utf-8")
    assert not old or source.count(old) == 1, old
    space = {"__file__": str(folder / "steady.py"), "__name__": "steady"}
    exec(compile(source.replace(old, new) if old else source, "steady.py", "exec"), space)
    return space["answer"]([str(photo) for photo in photos])


@pytest.fixture(scope="module")
def pictures(steady_vit, tmp_path_factory):
    return (*steady_vit.zero_shot.shown, *odd_pictures(tmp_path_factory.mktemp("odd")))


def test_the_reader_says_what_the_run_says(exported, steady_vit, pictures):
    own = steady_vit.own(pictures)
    for _ in range(2):  # one call must not see the layers of another
        probabilities, familiarity = answers(exported.folder, pictures)
        torch.testing.assert_close(probabilities, own["probabilities"], atol=1e-4, rtol=0)
        torch.testing.assert_close(familiarity, own["familiarity"], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("z0.softmax(1), z.softmax(1)", "z.softmax(1), z0.softmax(1)"),
        ("+ (1 - g) * told", "+ g * told"),
        (") / t for m", ") for m"),
        ('(gate["threshold"] - near)', '(near - gate["threshold"])'),
        (".values.mean(1)", ".values.sum(1)"),
        ("correction=0", "correction=1"),
        ('in told["ends"]', 'in told["ends"][:1] * 2'),
        ('";16" in', '";17" in'),
        ("ImageOps.exif_transpose(Image.open(photo))", "Image.open(photo)"),
        ('"white"', '"black"'),
    ],
)
def test_a_lie_in_the_reader_would_be_noticed(exported, steady_vit, pictures, old, new):
    own = steady_vit.own(pictures)
    probabilities, familiarity = answers(exported.folder, pictures, old, new)
    worst = max(
        float((probabilities - own["probabilities"]).abs().max()),
        float((familiarity - own["familiarity"]).abs().max()),
    )
    assert worst > 1e-3


def test_a_photo_on_its_side_is_turned_upright(exported, tmp_path):
    picture = Image.linear_gradient("L").resize((48, 40)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "side.png", exif=exif)
    picture.save(tmp_path / "upright.png")
    p, g = answers(exported.folder, [tmp_path / "side.png", tmp_path / "upright.png"])
    torch.testing.assert_close(p[0], p[1])
    torch.testing.assert_close(g[0], g[1])


def test_a_text_tower_that_the_head_tuned_goes_along(vit, tmp_path):
    clip = vit.clip
    tokens = clip.tokens([["a fox."], ["an otter."], ["an owl."]])
    tuned = clip.with_copied_tower(TextHead.over(clip, tokens)).requires_grad_(False)
    zero_shot = clip.with_head(TextHead.over(clip, tokens))
    torch.manual_seed(2)
    for parameter in tuned.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    source = steady_source(Source(clip, tuned, {}), tuned, zero_shot)
    exported = export_steady_open_clip(source, tmp_path / "out")
    assert exported.verified, exported.check
    places = [
        exported.folder / end / "open_clip_model.safetensors" for end in ("zero-shot", "tuned")
    ]
    before, after = map(load_file, places)
    assert not torch.equal(before["token_embedding.weight"], after["token_embedding.weight"])


def test_a_convolutional_tower_is_exported_too_and_into_a_folder_that_was_used(
    steady_resnet, tmp_path
):
    (tmp_path / "__pycache__").mkdir()
    assert export_steady_open_clip(steady_resnet, tmp_path).verified
    assert {path.name for path in tmp_path.iterdir()} == {
        "zero-shot",
        "tuned",
        "gate.safetensors",
        "steady.py",
    }
