"""Listing a folder opens no file and skips nothing without a reason."""

import os
import socket
import threading

import pytest

from core.data.images import UnreadableImage, read_image
from core.data.ingest import open_dataset
from core.data.listing import list_files, list_folder
from core.errors import UserError


@pytest.fixture
def odd(tree, monkeypatch):
    """A data set with every kind of entry that is not a file."""
    root = tree({"train/fox": 2, "train/owl": 2})
    os.mkfifo(root / "train/fox/pipe.jpg")
    os.mkfifo(root / "feed")
    (root / "train/owl/zeros.png").symlink_to("/dev/zero")
    (root / "gone").symlink_to("nowhere")
    (root / "train/owl/gone.png").symlink_to("nowhere.png")
    (root / "train/owl/circle.png").symlink_to("circle.png")
    (root / "train/owl/up").symlink_to("..")
    monkeypatch.chdir(root)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("door")
        yield root


DEVICE = "a pipe, a socket or a device, not a file"


def test_what_is_no_file_is_named(odd):
    assert dict(list_folder(odd).refused) == {
        "train/fox/pipe.jpg": DEVICE,
        "feed": DEVICE,
        "door": DEVICE,
        "train/owl/zeros.png": DEVICE,
        "gone": "a link to nothing",
        "train/owl/circle.png": "a link to nothing",
        "train/owl/up/": "a link to a folder that it lies in",
    }


def test_a_data_set_is_opened_without_waiting_for_a_pipe(odd, tmp_path):
    found = []
    opening = threading.Thread(
        target=lambda: found.append(open_dataset(odd, tmp_path / "work")), daemon=True
    )
    opening.start()
    opening.join(30)
    (dataset,) = found
    assert dataset.counts() == {"train": {"fox": 2, "owl": 2}}
    ignored = dict(dataset.report.ignored)
    assert ignored["train/fox/pipe.jpg"] == DEVICE
    assert ignored["train/owl/gone.png"] == "a link to nothing"
    assert any("train/owl/gone.png" in warning for warning in dataset.report.warnings)
    with pytest.raises(UserError, match="must be a folder of images or a zip"):
        open_dataset(odd / "feed")
    with pytest.raises(UnreadableImage, match="a pipe, a socket or a device"):
        read_image(odd / "train/fox/pipe.jpg")


def test_names_that_are_no_text_are_left_out_by_a_name_that_is(tree):
    root = tree({"fox": 2, "owl": 2})
    raw = os.fsencode(root)
    os.mkdir(raw + b"/\x8c\xa2")
    for path in (b"/\x8c\xa2/1.png", b"/fox/\xff.png"):
        with open(raw + path, "wb") as file:
            file.write(b"x")
    dataset = open_dataset(root)
    assert dataset.counts() == {"train": {"fox": 2, "owl": 2}}
    reason = "its name is not UTF-8; rename it"
    assert set(dataset.report.ignored) == {("\ufffd\ufffd/", reason), ("fox/\ufffd.png", reason)}
    assert dataset.notes[0].startswith("2 files were left out, such as ")
    str(dataset.report).encode()


def test_a_folder_of_nothing_but_pipes_is_one_sentence(tmp_path):
    root = tmp_path / "set"
    root.mkdir()
    os.mkfifo(root / "feed")
    with pytest.raises(UserError, match="'set' holds no files, only such as 'feed': a pipe"):
        open_dataset(root)


@pytest.mark.parametrize(
    "name",
    ["fox ", " fox", "fo\u200bx", "\ufefffox", "fox\n", "f\u00adox", "fo\u200dx", "\u202efox"],
)
def test_a_class_is_called_what_is_seen_of_its_folder(tree, name):
    dataset = open_dataset(tree({name: 2, "owl": 1}))
    assert dataset.classes == dataset.names == ("fox", "owl")
    assert dataset.report.warnings == ()
    both = open_dataset(tree({name: 2, "fox": 1, "owl": 1}, "both"))
    assert both.counts() == {"train": {"fox": 3, "owl": 1}}
    (warning,) = both.report.warnings
    assert warning.startswith("Two folders are called 'fox' and differ only in what cannot be seen")


@pytest.mark.parametrize("name", ["\U0001f469\u200d\U0001f680", "می\u200cخواهم", "क\u094d\u200dष"])
def test_joiners_stay_where_they_change_what_is_seen(tree, name):
    assert open_dataset(tree({name: 1, "owl": 1})).classes[-1] == name


def test_line_ends_in_names_stay_out_of_sentences(tree):
    root = tree({"red\nfox": 2, "owl": 1})
    (root / "owl/a\nb\u202e.png").write_bytes(b"x")
    dataset = open_dataset(root)
    assert dataset.classes == ("owl", "red fox")
    ((path, _),) = dataset.report.ignored
    assert path == "owl/a?b?.png"
    assert all("\n" not in one for one in (*dataset.report.warnings, *dataset.notes))


def test_files_are_listed_without_the_rest(odd):
    assert sorted(list_files(odd)) == [
        "train/fox/img0.png",
        "train/fox/img1.png",
        "train/owl/gone.png",
        "train/owl/img0.png",
        "train/owl/img1.png",
    ]
