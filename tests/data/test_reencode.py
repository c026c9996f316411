"""Re-encoding a visitor's image keeps every pixel and nothing else."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from core.data.images import UnreadableImage, read_image
from core.data.limits import Limits
from core.data.reencode import bare_jpeg, reencode, write_thumbnail

SECRET = b"secret-51.4778N"


def photo(mode="RGB"):
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(1).integers(0, 255, (48, 64, bands), dtype=np.uint8)
    return Image.frombytes(mode, (64, 48), pixels.tobytes())


def exif(orientation=1):
    """EXIF as a phone writes it: orientation, and the place where the picture was taken."""
    found = Image.Exif()
    found[0x0112] = orientation
    found[0x010E] = SECRET.decode()
    return found


def saved(path, image, **options):
    image.save(path, **options)
    return path


JPEGS = {
    "plain": ("RGB", {}),
    "grey": ("L", {}),
    "cmyk": ("CMYK", {}),
    "progressive": ("RGB", {"progressive": True}),
    "full colour": ("RGB", {"subsampling": 0}),
    "restart markers": ("RGB", {"restart_marker_blocks": 2}),
    "rgb without ycc": ("RGB", {"keep_rgb": True}),
    "optimised": ("RGB", {"optimize": True, "quality": 30}),
}


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_keeps_every_pixel_and_loses_the_rest(tmp_path, kind):
    mode, options = JPEGS[kind]
    options = {**options, "exif": exif(), "comment": SECRET, "icc_profile": SECRET * 9}
    source = saved(tmp_path / "a.jpg", photo(mode), **options)
    source.write_bytes(source.read_bytes() + b"<script>" + SECRET)
    picture = reencode(source, tmp_path / "b", "a.jpg")
    assert picture.suffix == ".jpg"
    assert SECRET in source.read_bytes()
    assert SECRET not in (tmp_path / "b").read_bytes()
    assert read_image(tmp_path / "b").tobytes() == read_image(source).tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_stays_turned(tmp_path, orientation):
    source = saved(tmp_path / "a.jpg", photo(), exif=exif(orientation))
    reencode(source, tmp_path / "b", "a.jpg")
    assert SECRET not in (tmp_path / "b").read_bytes()
    assert read_image(tmp_path / "b").size == read_image(source).size
    assert read_image(tmp_path / "b").tobytes() == read_image(source).tobytes()


def test_a_jpeg_of_ours_comes_back_byte_for_byte(tmp_path):
    """Needed so that a second upload of the same image is recognised."""
    source = saved(tmp_path / "a.jpg", photo(), exif=exif(6))
    reencode(source, tmp_path / "b", "a.jpg")
    reencode(tmp_path / "b", tmp_path / "c", "a.jpg")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_of_the_two_pictures_of_a_phone_jpeg_the_second_is_gone(tmp_path):
    source = tmp_path / "a.jpg"
    photo().save(source, format="MPO", save_all=True, append_images=[photo().rotate(180)])
    picture = reencode(source, tmp_path / "b", "a.jpg")
    assert (picture.suffix, picture.several) == (".jpg", False)
    assert (tmp_path / "b").stat().st_size < 0.6 * source.stat().st_size
    assert read_image(tmp_path / "b").tobytes() == read_image(source).tobytes()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_a_png_becomes_one_of_plain_rgb_with_the_pixels_that_are_read(tmp_path, mode):
    image = photo("L").convert(mode) if mode == "I;16" else photo().convert(mode)
    source = saved(tmp_path / "a.png", image)
    assert reencode(source, tmp_path / "b", "a.png").suffix == ".png"
    with Image.open(tmp_path / "b") as written:
        assert (written.mode, written.format) == ("RGB", "PNG")
        assert written.tobytes() == read_image(source).tobytes()


def test_what_was_transparent_is_not_in_the_file_any_more(tmp_path):
    hidden = Image.new("RGBA", (8, 8), (200, 10, 10, 0))
    reencode(saved(tmp_path / "a.png", hidden), tmp_path / "b", "a.png")
    with Image.open(tmp_path / "b") as written:
        assert written.getpixel((3, 3)) == (255, 255, 255)


@pytest.mark.parametrize("extension", ["gif", "webp", "png", "tiff"])
def test_several_frames_are_noticed(tmp_path, extension):
    source = tmp_path / f"a.{extension}"
    photo().save(source, save_all=True, append_images=[photo().rotate(180)])
    assert reencode(source, tmp_path / "b", "a").several
    assert not reencode(saved(source, photo()), tmp_path / "b", "a").several


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 20, 200, 0.5, 0.9, 0.999])
def test_a_cut_jpeg_is_refused(tmp_path, cut):
    whole = saved(tmp_path / "a.jpg", photo()).read_bytes()
    part = whole[: int(cut * len(whole)) if isinstance(cut, float) else cut]
    (tmp_path / "a.jpg").write_bytes(part)
    assert bare_jpeg(part) is None
    with pytest.raises(UnreadableImage, match=r"a\.jpg"):
        reencode(tmp_path / "a.jpg", tmp_path / "b", "a.jpg")
    assert not (tmp_path / "b").exists()


def test_no_damage_to_a_jpeg_crashes_what_takes_it_apart():
    buffer = io.BytesIO()
    photo().save(buffer, "JPEG", quality=5)
    whole = buffer.getvalue()
    for at in range(700):
        bare_jpeg(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        bare_jpeg(whole[:at])
    assert bare_jpeg(whole) == whole
    assert bare_jpeg(b"\xff\xd8" + struct.pack(">BBH", 0xFF, 0xE0, 0) * 9) is None


def test_the_limit_on_pixels_holds_and_says_what_it_got(tmp_path):
    source = saved(tmp_path / "a.png", photo())
    with pytest.raises(UnreadableImage, match=r"64 x 48 pixels are more than 0\.003 megapixels"):
        reencode(source, tmp_path / "b", "a.png", Limits(pixels=3000))


def test_a_thumbnail_is_small_upright_and_webp(tmp_path):
    turned = saved(tmp_path / "a.jpg", photo().resize((640, 480)), exif=exif(6))
    write_thumbnail(turned, tmp_path / "b", "a.jpg")
    with Image.open(tmp_path / "b") as written:
        assert (written.size, written.format) == ((144, 192), "WEBP")


WHAT_IT_IS = {
    "a web page": b"<!DOCTYPE html><html></html>",
    "an SVG drawing": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    "a PDF": b"%PDF-1.7\n",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "a HEIC picture; save it as JPEG": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "an AVIF picture; save it as JPEG": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
    "a zip": b"PK\x03\x04" + bytes(30),
}


@pytest.mark.parametrize("kind", WHAT_IT_IS)
def test_another_kind_of_file_under_an_images_name_is_called_what_it_is(tmp_path, kind):
    (tmp_path / "a.jpg").write_bytes(WHAT_IT_IS[kind])
    with pytest.raises(UnreadableImage, match=f"not a JPEG.* but {kind}"):
        read_image(tmp_path / "a.jpg")
