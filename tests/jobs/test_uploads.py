"""An upload is read elsewhere, under limits: what goes wrong costs an image, never the page."""

import gc
import io
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from core.data.images import UnreadableImage
from core.errors import UserError
from jobs.settings import Settings
from jobs.uploads.client import UploadClient
from jobs.uploads.decoders import Decoders

ROOT = Path(__file__).resolve().parents[2]


def image(path, size=(40, 40), colour=(200, 30, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def folder(tmp_path, *rels):
    """Files as the browser sends them."""
    return [(f"set/{rel}", image(tmp_path / "sent" / rel)) for rel in rels]


def settings_of(tmp_path, **limits):
    return Settings(home=tmp_path / "home", **limits)


@pytest.fixture
def decoders(tmp_path):
    made = []

    def make(**limits):
        made.append(Decoders(settings_of(tmp_path, **limits).limits, 1))
        return made[-1]

    yield make
    for each in made:
        each.close()


def take(uploads, files, tmp_path):
    return uploads.take(files, tmp_path / "home" / "datasets" / "set", "train")


def left_over(tmp_path):
    arriving = tmp_path / "home" / "tmp" / "arriving"
    return [*arriving.iterdir(), *(tmp_path / "home" / "datasets").glob(".*")]


def test_a_zip_goes_by_the_name_it_was_sent_with_not_by_that_of_its_bytes(tmp_path):
    uploads = UploadClient(settings_of(tmp_path))
    take(uploads, folder(tmp_path, "fox/1.png", "owl/1.png"), tmp_path)
    kept = tmp_path / "0123456789abcdef.zip"
    with zipfile.ZipFile(kept, "w") as archive:
        for name in ("fox", "owl"):
            archive.write(image(tmp_path / f"{name}.png", colour=(9, 9, 9)), f"{name}/1.png")
    root = tmp_path / "home" / "datasets" / "set"
    report = uploads.take([("ink drawings.zip", kept)], root, "ood")
    assert "OOD domains: ink drawings (2)." in report.report.understood
    assert [path.name for path in (root / "ood").iterdir()] == ["ink drawings"]


def test_decoders_that_nobody_holds_leave_no_process(tmp_path):
    decoders = Decoders(settings_of(tmp_path).limits, 1)
    decoders.glance(image(tmp_path / "1.png"), "1.png")
    process = decoders._free.queue[0]._process
    assert process.poll() is None
    del decoders
    gc.collect()
    assert process.poll() == 0
    assert process.stdin.closed


def test_this_process_never_decodes_what_a_visitor_sent(tmp_path, monkeypatch):
    files = folder(tmp_path, "fox/1.png", "owl/1.png")

    def forbidden(*_args, **_options):
        raise AssertionError("decoded in the page's process")

    monkeypatch.setattr(Image, "open", forbidden)
    uploads = UploadClient(settings_of(tmp_path))
    taken = take(uploads, files, tmp_path)
    placed = tmp_path / "home/datasets/set/train/fox/1.png"
    uploads.thumbnail(placed, tmp_path / "thumbs" / "1.webp")
    assert uploads.glance(placed, "1.png").size == (40, 40)
    with uploads.photo(files[0][1], "1.png") as photo:
        assert photo.suffix == ".png"
    uploads.close()
    assert taken.report.ignored == ()
    assert taken.peak_bytes < 200 * 1024**2
    assert left_over(tmp_path) == []


def test_an_image_that_needs_too_much_memory_is_refused_and_the_next_is_read(tmp_path, decoders):
    large = image(tmp_path / "large.png", (7000, 7000))
    small = image(tmp_path / "small.png")
    pool = decoders(decode_mib=256)
    with pytest.raises(UnreadableImage, match=r"'large.png' .* needs more than 256 MiB of memory"):
        pool.reencode(large, tmp_path / "out", "large.png")
    assert pool.reencode(small, tmp_path / "out", "small.png").suffix == ".png"
    assert decoders().glance(large, "large.png").size == (7000, 7000), (
        "with the usual limit it is read"
    )


def only_decoder(pool):
    """The process of the one decoder that a pool has, which waits for an image."""
    held = pool._free.get()
    pool._free.put(held)
    return held._process.pid


def test_an_image_that_takes_too_long_is_refused_and_the_next_is_read(tmp_path, decoders):
    pool = decoders(decode_seconds=0.2)
    pool.glance(image(tmp_path / "small.png"), "small.png")
    os.kill(only_decoder(pool), signal.SIGSTOP)  # it does not come to an end
    with pytest.raises(UnreadableImage, match=r"'endless.png' .* longer than 0.2 seconds"):
        pool.glance(image(tmp_path / "endless.png"), "endless.png")
    assert pool.glance(tmp_path / "small.png", "small.png").size == (40, 40)


@pytest.mark.parametrize(
    ("blow", "reason"),
    [
        (signal.SIGKILL, "more memory than there is"),
        (signal.SIGSEGV, "crashed the process"),
        (signal.SIGXCPU, "longer than 30 seconds"),
    ],
)
def test_a_decoder_that_dies_costs_the_image_that_it_read(tmp_path, decoders, blow, reason):
    pool = decoders()
    pool.glance(image(tmp_path / "small.png"), "small.png")
    pid = only_decoder(pool)
    os.kill(pid, signal.SIGSTOP)  # so that the blow finds it with the image in hand

    def strike():
        os.kill(pid, blow)
        os.kill(pid, signal.SIGCONT)

    threading.Timer(0.3, strike).start()
    with pytest.raises(UnreadableImage, match=f"'bad.png' .*{reason}"):
        pool.glance(image(tmp_path / "bad.png"), "bad.png")
    assert pool.glance(tmp_path / "small.png", "small.png").size == (40, 40)


def test_a_decoder_that_left_because_it_was_idle_costs_nothing(tmp_path, decoders, monkeypatch):
    pool = decoders()
    pool.glance(image(tmp_path / "small.png"), "small.png")
    held = pool._free.get()
    pool._free.put(held)
    held._process.stdin.close()  # it leaves as it does when nobody asks
    held._process.stdin = io.BytesIO()
    monkeypatch.setattr(type(held), "is_alive", True)  # it left after the pool had looked
    assert pool.glance(tmp_path / "small.png", "small.png").size == (40, 40)


def test_the_pipes_of_a_decoder_that_left_are_closed_when_it_is_replaced(tmp_path, decoders):
    pool = decoders()
    pool.glance(image(tmp_path / "small.png"), "small.png")
    left = pool._free.get()
    pool._free.put(left)
    left._process.kill()
    left._process.wait()
    assert pool.glance(tmp_path / "small.png", "small.png").size == (40, 40)
    assert left._process.stdin.closed
    assert left._process.stdout.closed


def test_a_bad_image_is_named_and_the_good_ones_stay(tmp_path):
    files = folder(tmp_path, "fox/1.png", "owl/1.png", "owl/huge.png")
    image(files[2][1], (1000, 1100))
    taken = take(UploadClient(settings_of(tmp_path, image_megapixels=1)), files, tmp_path)
    reason = "1000 x 1100 pixels are more than 1 megapixels"
    assert taken.report.ignored == (("set/owl/huge.png", reason),)
    assert f"'set/owl/huge.png' was left out: {reason}." in taken.report.warnings
    assert len(list((tmp_path / "home/datasets/set").rglob("*.png"))) == 2


def test_an_upload_of_too_many_bytes_is_refused_before_anybody_reads_it(tmp_path):
    files = folder(tmp_path, "fox/1.png", "owl/1.png")
    files[0][1].write_bytes(bytes(2 * 1024**2))
    with pytest.raises(UserError, match=r"'set' is 2 MiB, an upload may be 1 MiB"):
        take(UploadClient(settings_of(tmp_path, upload_mib=1)), files, tmp_path)


def test_an_upload_of_too_many_images_is_refused_with_the_number(tmp_path):
    files = folder(tmp_path, "fox/1.png", "owl/1.png", "owl/2.png")
    with pytest.raises(UserError, match="holds 3 images, at most 2 are taken"):
        take(UploadClient(settings_of(tmp_path, upload_images=2)), files, tmp_path)
    assert left_over(tmp_path) == []


def test_an_intake_that_is_killed_is_a_sentence_and_leaves_nothing(tmp_path):
    files = folder(tmp_path, "fox/1.png", "owl/1.png")
    image(files[1][1], (7000, 7000))  # takes its decoder a second

    def kill_the_intake():
        listed = f"/proc/{os.getpid()}/task"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for task in os.listdir(listed):
                for pid in Path(listed, task, "children").read_text().split():
                    if b"jobs.uploads.intake" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(int(pid), signal.SIGKILL)
                        return
            time.sleep(0.05)

    threading.Thread(target=kill_the_intake).start()
    with pytest.raises(UserError, match=r"'set' was not taken: it was killed by SIGKILL"):
        take(UploadClient(settings_of(tmp_path)), files, tmp_path)
    assert left_over(tmp_path) == []


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path):
    """The largest file that may be written stands in for the space that is left."""
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from jobs.settings import Settings; from jobs.uploads.client import UploadClient\n"
        "files = [(p, Path(sys.argv[2], p)) for p in sys.argv[3:]]\n"
        "uploads = UploadClient(Settings(home=sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "uploads.take(files, Path(sys.argv[1], 'datasets', 'set'), 'train')\n"
    )
    files = folder(tmp_path, "fox/1.png", "owl/1.png")
    noise = Image.effect_noise((60, 60), 90)
    noise.save(files[0][1])
    names = [str(path.relative_to(tmp_path)) for _, path in files]
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "home"), str(tmp_path), *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "'sent' was not taken: file too large. Nothing of it was kept." in ended.stderr
    assert left_over(tmp_path) == []
    assert not list((tmp_path / "home" / "datasets").rglob("*.png"))


def test_a_decoder_starts_without_torch_or_our_settings():
    program = (
        "import jobs.uploads.decoder, sys\n"
        "assert not {'torch', 'pydantic', 'sqlalchemy', 'gradio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
