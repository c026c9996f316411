"""Images that Pillow alone reads wrongly, and bad files that give one sentence."""

import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from core.data.images import UnreadableImage, is_image_name, read_image

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def pixel(path, at=(0, 0)):
    image = read_image(path)
    assert image.mode == "RGB"
    return image.getpixel(at)


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, depth, colour_type, rows, *more):
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        *more,
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def packed(text):
    return zlib.compress(text, 9)


LONG = b"x" * 3_000_000
TEXTS = {
    "zTXt": [chunk(b"zTXt", b"workflow\0\0" + packed(LONG))],
    "iTXt": [chunk(b"iTXt", b"workflow\0\1\0\0\0" + packed(LONG))],
    "plain": [chunk(b"tEXt", b"workflow\0" + LONG), chunk(b"iTXt", b"w\0\0\0\0\0" + LONG)],
    "many": [chunk(b"zTXt", b"k%d\0\0" % n + packed(LONG[:900_000])) for n in range(80)],
    "bomb": [chunk(b"zTXt", b"workflow\0\0" + packed(bytes(200_000_000)))],
    "profile": [chunk(b"iCCP", b"profile\0\0" + packed(LONG))],
    "exif": [chunk(b"eXIf", b"MM\0*\0\0\0\x08" + bytes(3_000_000))],
    "no zlib": [chunk(b"zTXt", b"workflow\0\0" + b"x" * 700_000)],
    "no keyword": [chunk(b"zTXt", b""), chunk(b"iTXt", b"x"), chunk(b"tEXt", LONG)],
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_png_is_read_however_much_is_written_in_it(tmp_path, what):
    rows = b"\0" + bytes(RED) * 2 + b"\0" + bytes(GREEN) * 2
    (tmp_path / "a.png").write_bytes(png(2, 2, 8, 2, rows, *TEXTS[what]))
    assert pixel(tmp_path / "a.png") == RED
    assert pixel(tmp_path / "a.png", (0, 1)) == GREEN


def test_a_long_text_behind_the_pixels_is_passed_over(tmp_path):
    whole = png(1, 1, 8, 2, b"\0" + bytes(RED))
    behind = whole[:-12] + TEXTS["zTXt"][0] + whole[-12:]
    (tmp_path / "a.png").write_bytes(behind)
    assert pixel(tmp_path / "a.png") == RED


def test_beside_a_long_text_exif_still_turns_the_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    notes = PngImagePlugin.PngInfo()
    notes.add_text("workflow", "x" * 3_000_000, zip=True)
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png", exif=exif, pnginfo=notes)
    assert read_image(tmp_path / "a.png").size == (20, 30)


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "bmp", "gif", "tiff"])
def test_every_listed_format_is_read(tmp_path, extension):
    path = tmp_path / f"a.{extension}"
    Image.new("RGB", (20, 10), RED).save(path)
    image = read_image(path)
    assert (image.mode, image.size) == ("RGB", (20, 10))
    np.testing.assert_allclose(image.getpixel((5, 5)), RED, atol=2)


def test_the_content_decides_not_the_extension(tmp_path):
    Image.new("RGB", (4, 4), RED).save(tmp_path / "a.jpg", format="PNG")
    assert pixel(tmp_path / "a.jpg") == RED


@pytest.mark.parametrize(
    ("mode", "extension"), [("I;16", "png"), ("I;16", "tiff"), ("I;16B", "tiff")]
)
def test_16_bit_grey_is_scaled_and_not_clipped_to_white(tmp_path, mode, extension):
    values = np.array([[0, 32768, 65535]], dtype=np.uint16)
    kind = "<u2" if mode == "I;16" else ">u2"
    Image.frombytes(mode, (3, 1), values.astype(kind).tobytes()).save(tmp_path / f"a.{extension}")
    image = read_image(tmp_path / f"a.{extension}")
    assert [image.getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_16_bit_colour_keeps_its_middle(tmp_path):
    rows = b"\0" + struct.pack(">3H", 32768, 65535, 0)
    (tmp_path / "a.png").write_bytes(png(1, 1, 16, 2, rows))
    np.testing.assert_allclose(pixel(tmp_path / "a.png"), (128, 255, 0), atol=1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 100.0, 255.0]], np.float32), [0, 100, 255]),
        (np.array([[-5.0, np.nan, 1.0]], np.float32), [0, 0, 255]),
        (np.array([[0, 100, 255]], np.int32), [0, 100, 255]),
        (np.array([[0, 32768, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 50_000, 100_000]], np.int32), [0, 128, 255]),
    ],
)
def test_floats_and_integers_find_their_white(tmp_path, values, expected):
    Image.fromarray(values).save(tmp_path / "a.tiff")
    image = read_image(tmp_path / "a.tiff")
    np.testing.assert_allclose([image.getpixel((x, 0))[0] for x in range(3)], expected, atol=1)


def test_cmyk_is_not_inverted(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(pixel(tmp_path / "a.jpg", (8, 8)), RED, atol=6)


def test_what_is_transparent_is_white_whatever_colour_hides_there(tmp_path):
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    image.putpixel((1, 0), (0, 255, 0, 255))
    image.save(tmp_path / "a.png")
    assert pixel(tmp_path / "a.png") == WHITE
    assert pixel(tmp_path / "a.png", (1, 0)) == GREEN


def test_half_transparent_red_is_pink(tmp_path):
    Image.new("RGBA", (1, 1), (255, 0, 0, 128)).save(tmp_path / "a.png")
    np.testing.assert_allclose(pixel(tmp_path / "a.png"), (255, 127, 127), atol=1)


def test_grey_with_alpha_goes_over_white(tmp_path):
    Image.new("LA", (1, 1), (0, 0)).save(tmp_path / "a.png")
    assert pixel(tmp_path / "a.png") == WHITE


def test_a_palette_with_a_transparent_entry_goes_over_white(tmp_path):
    image = Image.new("P", (2, 1), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=0)
    assert pixel(tmp_path / "a.png") == WHITE
    assert pixel(tmp_path / "a.png", (1, 0)) == GREEN


def test_a_transparent_colour_key_goes_over_white(tmp_path):
    Image.new("RGB", (1, 1), RED).save(tmp_path / "a.png", transparency=RED)
    assert pixel(tmp_path / "a.png") == WHITE


def test_one_bit_is_black_and_white(tmp_path):
    Image.new("1", (1, 1), 1).save(tmp_path / "a.png")
    assert pixel(tmp_path / "a.png") == WHITE


UPRIGHT = {1: (0, 0), 2: (1, 0), 3: (1, 2), 4: (0, 2), 5: (0, 0), 6: (2, 0), 7: (2, 1), 8: (0, 1)}


@pytest.mark.parametrize("extension", ["png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(tmp_path, orientation, extension):
    """A 2 x 3 picture with one red corner, whose place after turning was computed by hand."""
    image = Image.new("RGB", (2, 3), WHITE)
    image.putpixel((0, 0), RED)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if extension == "webp" else {}
    image.save(tmp_path / f"a.{extension}", exif=exif, **options)
    upright = read_image(tmp_path / f"a.{extension}")
    assert upright.size == ((2, 3) if orientation < 5 else (3, 2))
    assert upright.getpixel(UPRIGHT[orientation]) == RED


def test_broken_exif_does_not_cost_the_image(tmp_path):
    Image.new("RGB", (4, 4), RED).save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert pixel(tmp_path / "a.png") == RED


@pytest.mark.parametrize("extension", ["gif", "webp", "tiff", "png"])
def test_the_first_frame_of_many_is_read(tmp_path, extension):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    frames[0].save(tmp_path / f"a.{extension}", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(pixel(tmp_path / f"a.{extension}", (4, 4)), RED, atol=4)


def test_the_two_pictures_of_a_phone_jpeg_are_one(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(pixel(tmp_path / "a.jpg"), RED, atol=4)


def noise_jpeg(path):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path.read_bytes()


DAMAGED = {
    "zero bytes": lambda path: b"",
    "text": lambda path: b"<html>not found</html>",
    "half a jpeg": lambda path: noise_jpeg(path)[:2000],
    "a jpeg's header": lambda path: noise_jpeg(path)[:100],
    "a cut png": lambda path: png(9, 9, 8, 2, b"\0" * 50)[:-20],
    "a png with no pixels": lambda path: png(0, 9, 8, 2, b""),
    "a png of zeroes": lambda path: b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    "a gif that ends": lambda path: b"GIF89a\x05\x00\x05\x00\x80\x00\x00",
    "a bmp that lies": lambda path: b"BM" + b"\xff" * 60,
    "a tiff in a circle": lambda path: b"II*\0\x08\0\0\0\x01\0" + b"\xff" * 40,
    "a riff that is no webp": lambda path: b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 20,
    "postscript": lambda path: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "svg": lambda path: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_one_sentence_with_its_name(tmp_path, kind):
    path = tmp_path / "fox" / "a.jpg"
    path.parent.mkdir()
    path.write_bytes(DAMAGED[kind](path))
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert str(caught.value).startswith("'fox/a.jpg' cannot be read: ")
    assert str(caught.value).endswith("Replace it or remove it.")
    assert str(tmp_path) not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("other", ["PPM", "ICO", "TGA", "EPS", "PDF", "JPEG2000"])
def test_formats_outside_the_list_are_not_even_tried(tmp_path, other):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png", format=other)
    with pytest.raises(UnreadableImage, match="it is not a JPEG, PNG"):
        read_image(tmp_path / "a.png")


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(UnreadableImage, match="the file is empty"):
        read_image(tmp_path / "a.png")


def test_a_missing_file_is_called_missing(tmp_path):
    with pytest.raises(UnreadableImage, match="no such file"):
        read_image(tmp_path / "a.png")


def test_the_caller_may_name_the_file(tmp_path):
    with pytest.raises(UnreadableImage) as caught:
        read_image(tmp_path / "tmp123", name="fox/holiday.jpg")
    assert caught.value.name == "fox/holiday.jpg"
    assert caught.value.reason == "there is no such file"


@pytest.mark.parametrize("side", [7_100, 10_000, 13_000, 60_000])
def test_too_many_pixels_are_refused_from_the_header_alone(tmp_path, side):
    """A file without pixels: a limit that needs pixels would report the file as damaged."""
    (tmp_path / "a.png").write_bytes(png(side, side, 8, 2, b""))
    with pytest.raises(UnreadableImage, match="more than 50 megapixels"):
        read_image(tmp_path / "a.png")


def test_a_bomb_is_refused_while_warnings_are_off(tmp_path):
    (tmp_path / "a.png").write_bytes(png(10_000, 10_000, 8, 2, b""))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UnreadableImage, match="more than 50 megapixels"):
            read_image(tmp_path / "a.png")


def test_a_strip_is_refused_before_a_resize_makes_it_huge(tmp_path):
    Image.new("RGB", (5000, 2)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableImage, match="longer than 100 to 1"):
        read_image(tmp_path / "a.png")


def test_reading_leaves_pillows_limits_alone(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    (tmp_path / "a.png").write_bytes(png(10_000, 10_000, 8, 2, b""))
    with pytest.raises(UnreadableImage):
        read_image(tmp_path / "a.png")
    assert before == Image.MAX_IMAGE_PIXELS


def test_threads_read_the_same_pixels(tmp_path):
    noise_jpeg(tmp_path / "a.jpg")
    expected, got = read_image(tmp_path / "a.jpg").tobytes(), []
    threads = [
        threading.Thread(target=lambda: got.append(read_image(tmp_path / "a.jpg").tobytes()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [expected] * 8


def test_names_of_images_are_known_in_any_case():
    assert all(map(is_image_name, ["a.JPG", "a.jpeg", "b/c.WebP", "é.tiff"]))
    assert not any(map(is_image_name, ["a.heic", "a.svg", "jpg", "a.jpg.txt", ""]))


def test_pillow_here_has_the_decoders_that_are_promised():
    assert features.check("webp")
    assert features.check("jpg")
    assert features.check("libtiff")
