"""Fixtures that every suite shares: tiny real models, small real images, no network."""

import json
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import services

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

TINY_VIT = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 1,
    },
}
ALONE = (
    "tests/browser/test_first_minutes.py",
    "tests/browser/test_journey.py",
    "tests/faults/",
    "tests/attacks/test_uploads.py",
    "tests/jobs/test_children.py",
    "tests/jobs/test_priority.py",
    "tests/jobs/test_supervise.py",
    "tests/jobs/test_uploads.py",
    "tests/jobs/test_worker.py",
    "tests/training/test_footprint.py",
)
"""Tests that measure time on real processes."""
COLOURS = {"red_fox": (200, 60, 30), "snow owl": (220, 225, 235), "otter": (90, 60, 40)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(part in item.path.as_posix() for part in ALONE):
            item.add_marker(pytest.mark.alone)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """With `CI=true` a skipped test has failed: what it needs must be installed there."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although CI is set: {report.longrepr}"
    return report


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """`figure("0.6 s")`: what this test measured, for the table in docs/reliability.md."""
    return lambda text: record_property("figure", text)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real PostgreSQL."""
    with services.postgres() as server:
        yield server.url


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[services.Redis]:
    """A real Redis of one's own."""
    server = services.Redis(tmp_path)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer ViT CLIP as an open_clip folder: trains in milliseconds."""
    return random_model(tmp_path_factory.mktemp("tiny-clip"), TINY_VIT)


@pytest.fixture(scope="session")
def tiny_resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a small ResNet as its image tower, which has batch norms."""
    tower = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
    config = {**TINY_VIT, "vision_cfg": tower}
    return random_model(tmp_path_factory.mktemp("tiny-resnet"), config)


def random_model(folder: Path, config: dict) -> Path:
    """Write a random CLIP of this architecture into `folder`, as open_clip lays it out."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": {"size": 32}})
    )
    torch.manual_seed(0)
    model = open_clip.CLIP(**config)
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    return folder


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of noisy colour patches with val, test and two OOD domains."""
    root = tmp_path_factory.mktemp("tiny-data")
    random = np.random.default_rng(0)
    counts = {"train": 6, "val": 3, "test": 5, "ood/night": 4, "ood/grey": 4}
    for domain, count in counts.items():
        for name, colour in COLOURS.items():
            folder = root / domain / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.normal(colour, 30, size=(40, 48, 3))
                if domain == "ood/night":
                    pixels *= 0.4
                if domain == "ood/grey":
                    pixels = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
                image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
                image.save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="session")
def tiny_task(tiny_model: Path, tiny_data: Path):
    """(clip, task): the first two things a method wants after its knobs."""
    from core.data.fewshot import sample_task
    from core.data.ingest import open_dataset
    from core.models import zoo

    clip = zoo.load(str(tiny_model), device="cpu", precision="fp32")
    return clip, sample_task(open_dataset(tiny_data), shots=4, seed=0)
