"""Data, looked at image by image: findings with buttons, and a class as a gallery."""

import secrets
import shutil

import numpy as np
import pytest
from PIL import Image

from core.data.settings import DatasetSettings
from tests.browser.pages import see


@pytest.fixture
def pets(studio):
    """A data set on the studio's shelf, with a leak and a class whose name is hostile."""
    root = studio.settings.home / "datasets" / f"pets-{secrets.token_hex(3)}"
    random = np.random.default_rng(0)
    for domain, count in (("train", 5), ("test", 3)):
        for name in ("cat", "dog"):
            folder = root / domain / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (6, 6, 3), dtype=np.uint8)
                Image.fromarray(pixels).resize((48, 48)).save(folder / f"{number}.png")
    shutil.copy(root / "test/cat/0.png", root / "train/cat/leaked.png")
    names = {"cat": "<img src=x onerror=alert(1)>", "dog": "dog"}
    DatasetSettings(title="Pets", classes=names).write(root / "dataset.yaml")
    yield root
    shutil.rmtree(root, ignore_errors=True)


def excluded(root):
    return DatasetSettings.read(root / "dataset.yaml").exclude


@pytest.mark.parametrize("width", [1280, 390])
def test_a_leak_is_reviewed_excluded_and_included_again(open_page, pets, width):
    page = open_page(f"?data={pets.name}", width=width)
    page.set_default_timeout(15_000)
    leak = page.locator("li.ek-finding-error")
    leak.locator("summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('.ek-review[open] img').length >= 2")
    leak.get_by_role("button", name="Exclude 1").focus()
    page.keyboard.press("Enter")
    see(page, ".ek-excluded")
    assert excluded(pets) == ("train/cat/leaked.png",)
    page.locator(".ek-excluded > summary").click()
    page.get_by_role("button", name="Include again train/cat/leaked.png").click()
    see(page, "li.ek-finding-error")
    assert excluded(pets) == ()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_class_opens_as_a_gallery_is_renamed_and_an_image_is_moved(open_page, pets, width):
    page = open_page(f"?data={pets.name}", width=width)
    page.set_default_timeout(15_000)
    page.get_by_role("button", name="Open class <img").click()
    gallery = page.locator(".ek-gallery")
    gallery.wait_for()
    assert page.evaluate("document.activeElement.classList.contains('ek-gallery')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    gallery.get_by_label("Choose train/cat/1.png").check()
    gallery.get_by_label("Move to").select_option("dog")
    gallery.get_by_role("button", name="Move", exact=True).click()
    page.wait_for_function("!document.querySelector('[data-key=\"train/cat/1.png\"]')")
    assert DatasetSettings.read(pets / "dataset.yaml").relabel == {"train/cat/1.png": "dog"}
    gallery.get_by_label("Name in prompts").fill("tabby cat")
    gallery.get_by_role("button", name="Save").click()
    see(page, ".ek-gallery h2:has-text('tabby cat')")
    assert DatasetSettings.read(pets / "dataset.yaml").classes["cat"] == "tabby cat"
    gallery.get_by_role("button", name="Close").click()
    gallery.wait_for(state="detached")


@pytest.mark.parametrize("width", [1280, 390])
def test_codes_are_measured_under_both_names_and_named_at_a_press(open_page, pets, width):
    for folder in ("train", "test"):
        (pets / folder / "cat").rename(pets / folder / "n02123045")
        (pets / folder / "dog").rename(pets / folder / "class_3")
    DatasetSettings().write(pets / "dataset.yaml")
    page = open_page(f"?data={pets.name}", width=width)
    page.set_default_timeout(30_000)
    page.get_by_text("by their own names").wait_for()
    assert page.get_by_label("Name of class n02123045").input_value() == "tabby"
    page.get_by_label("Name of class class_3").fill("hound")
    page.get_by_role("button", name="Use these names").click()
    page.wait_for_function("document.querySelectorAll('.ek-names').length == 1")
    page.get_by_role("button", name="Keep these names").click()
    page.get_by_text("Every class name is made of words").wait_for()
    names = DatasetSettings.read(pets / "dataset.yaml").classes
    assert names == {"class_3": "hound", "n02123045": "tabby"}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
