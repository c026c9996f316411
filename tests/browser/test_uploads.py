"""Folders and zips as a visitor gives them: dropped, chosen, and wrong."""

import re
import zipfile

import pytest

from core.data.ingest import open_dataset
from core.errors import UserError
from tests.browser.folders import folder_of
from tests.browser.pages import see

ID_DOOR = "#tab-data .ek-door:not(.ek-small)[data-role=train]"
OOD_DOOR = "#tab-data .ek-small[data-role=ood]"


def drop(page, selector, *paths):
    """Drag files or folders from outside of the browser onto an element, and let go.

    Where the element moved away under the mouse meanwhile, it is tried again.
    """
    zone = page.locator(selector)
    zone.evaluate("zone => zone.addEventListener('drop', () => { zone.hit = true }, {once: true})")
    session = page.context.new_cdp_session(page)
    while not zone.evaluate("zone => zone.hit"):
        zone.hover()
        box = zone.bounding_box()
        drag = {
            "x": box["x"] + box["width"] / 2,
            "y": box["y"] + box["height"] / 2,
            "data": {"items": [], "files": [*map(str, paths)], "dragOperationsMask": 1},
        }
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, **drag})
        see(page, f"{selector}:not(.ek-over)")
    zone.evaluate("zone => { zone.hit = false }")
    session.detach()


def classes_of(page):
    """The classes on the page, with their numbers of images."""
    see(page, ".ek-class")
    cards = page.locator(".ek-class").all()
    found = {}
    for card in cards:
        name = card.locator("h3").get_attribute("title")
        found[name] = int(re.search(r"(\d+) image", card.inner_text())[1])
    return found


def test_a_dropped_folder_keeps_its_classes(open_page, tmp_path):
    page = open_page()
    folder = folder_of(tmp_path / "my set", "red fox", "snow owl é", images=4)
    folder_of(folder, "tabby cat", images=2)
    drop(page, ID_DOOR, folder)
    assert classes_of(page) == {"red fox": 4, "snow owl é": 4, "tabby cat": 2}
    assert "data=my-set" in page.url

    drop(page, OOD_DOOR, folder_of(tmp_path / "ink sketches", "red fox", "snow owl é", images=2))
    see(page, ".ek-strips li:has-text('ink sketches')")
    assert page.locator(".ek-class .ek-thumbs-ood img").count() == 4
    assert classes_of(page) == {"red fox": 4, "snow owl é": 4, "tabby cat": 2}


def test_a_folder_of_more_files_than_a_browser_lists_at_once_arrives_whole(open_page, tmp_path):
    page = open_page()
    drop(page, ID_DOOR, folder_of(tmp_path / "large", "red fox", "snow owl", images=130))
    assert classes_of(page) == {"red fox": 130, "snow owl": 130}


def test_several_class_folders_dropped_at_once_are_the_classes(open_page, tmp_path):
    page = open_page()
    folder = folder_of(tmp_path / "mine", "red fox", "snow owl")
    drop(page, ID_DOOR, folder / "red fox", folder / "snow owl")
    assert classes_of(page) == {"red fox": 3, "snow owl": 3}


def test_a_zip_keeps_its_classes_and_names_what_it_left_out(open_page, tmp_path):
    folder = folder_of(tmp_path / "pets", "red fox", "snow owl é", images=4)
    archive = tmp_path / "pets.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*.jpg")):
            file.write(path, path.relative_to(tmp_path))
        file.writestr("pets/notes.txt", "shot in May")
        file.writestr("pets/red fox/.DS_Store", b"\0\0\0\1Bud1")
    page = open_page()
    page.set_input_files(f"{ID_DOOR} input[data-kind=zip]", archive)
    assert classes_of(page) == {"red fox": 4, "snow owl é": 4}
    assert "data=pets" in page.url
    see(page, ".ek-read summary:has-text('2 files left out')")
    page.click(".ek-read summary")
    left_out = page.inner_text(".ek-read .ek-ignored")
    assert "notes.txt not an image (.txt)" in left_out
    assert ".DS_Store hidden" in left_out


def nothing(root):
    root.mkdir()
    return root


def empty_classes(root):
    for name in ("red fox", "snow owl"):
        (root / name).mkdir(parents=True)
    return root


def one_class(root):
    return folder_of(root, "red fox")


def no_images(root):
    folder_of(root, "red fox", "snow owl", images=0)
    (root / "red fox" / "notes.txt").write_text("shot in May")
    return root


def sentence(path):
    """The command line's report on this folder or zip."""
    with pytest.raises(UserError) as error:
        open_dataset(path)
    return str(error.value)


def test_a_wrong_folder_says_what_the_command_line_says_until_a_right_one_comes(
    open_page, studio, tmp_path
):
    before = sorted((studio.settings.home / "datasets").glob("*"))
    page = open_page()
    for make in (nothing, empty_classes, one_class, no_images):
        folder = make(tmp_path / f"my {make.__name__}")
        drop(page, ID_DOOR, folder)
        see(page, f'.ek-notice-error:has-text("{sentence(folder)}")')
        assert page.locator(".ek-notice-error").count() == 1
        assert page.locator(ID_DOOR).is_visible()
    assert sorted((studio.settings.home / "datasets").glob("*")) == before, "a data set was left"
    drop(page, ID_DOOR, folder_of(tmp_path / "my pets", "red fox", "snow owl"))
    assert classes_of(page) == {"red fox": 3, "snow owl": 3}


def test_a_zip_of_one_class_says_what_the_command_line_says(open_page, tmp_path):
    archive = tmp_path / "lonely.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in folder_of(tmp_path / "lonely", "red fox").rglob("*.jpg"):
            file.write(path, path.relative_to(tmp_path))
    page = open_page()
    page.set_input_files(f"{ID_DOOR} input[data-kind=zip]", archive)
    see(page, f'.ek-notice-error:has-text("{sentence(archive)}")')


def test_an_empty_ood_folder_says_so_and_keeps_the_data(open_page, demo, tmp_path):
    page = open_page("?data=demo")
    see(page, ".ek-class")
    drop(page, OOD_DOOR, nothing(tmp_path / "sketches"))
    see(page, f'.ek-notice-error:has-text("{sentence(tmp_path / "sketches")}")')
    assert page.locator(".ek-class").count() > 2
