"""Image files that a visitor may send: odd, broken and hostile, each with what becomes of it."""

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)
PAYLOAD = b"<script>alert(1)</script><?php system($_GET[0]); ?>"


@dataclass(frozen=True)
class Picture:
    """One file. `refused` is what the reason must match; None when the image is taken."""

    name: str
    make: Callable[[], bytes]
    refused: str | None = None
    corner: tuple[int, int, int] | None = None
    """The colour of the first pixel of what is kept, within 6 of each value."""


def red(size=(16, 16), mode="RGB", colour=RED):
    return Image.new("RGB", size, colour).convert(mode)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


END = chunk(b"IEND", b"")


def png(width, height, depth=8, colour=2, rows=b"", *more, interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    parts = [
        chunk(b"IHDR", header),
        *more,
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def flat_png(width, height, depth, colour):
    """Any size of zeroes, in next to no bytes and no memory."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    packer, row, packed = zlib.compressobj(9), bytes(1 + width * channels * depth // 8), []
    for _ in range(height):
        packed.append(packer.compress(row))
    packed.append(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", b"".join(packed)), END]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(width, height, bits, samples, data, following=0, **tags):
    """A little-endian TIFF of one uncompressed strip."""
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: 1 if samples == 1 else 2}
    entries |= {273: 0, 277: samples, 278: height, 279: len(data)}
    entries |= {int(key[1:]): value for key, value in tags.items()}
    start = 8 + 2 + 12 * len(entries) + 4
    if samples > 1:
        data = struct.pack(f"<{samples}H", *[bits] * samples) + data
        entries[258], entries[273] = start, start + 2 * samples
    else:
        entries[273] = entries[273] or start
    body = struct.pack("<H", len(entries))
    for tag, value in sorted(entries.items()):
        count = samples if tag == 258 else 1
        body += struct.pack("<HHLL", tag, 3 if tag == 258 else 4, count, value)
    return b"II*\0" + struct.pack("<L", 8) + body + struct.pack("<L", following) + data


def turned(orientation):
    """Two by three, red in the corner that ends as the first pixel once it is turned."""
    corner = {2: (1, 0), 3: (1, 2), 4: (0, 2), 5: (0, 0), 6: (0, 2), 7: (1, 2), 8: (1, 0)}
    image = Image.new("RGB", (2, 3), WHITE)
    image.putpixel(corner[orientation], RED)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, "PNG", exif=exif)


def frames(kind, **options):
    return saved(red(), kind, save_all=True, append_images=[red(colour=GREEN)], **options)


def hidden():
    return Image.new("RGBA", (16, 16), (200, 10, 10, 0))


def many_scans(side, scans):
    """A progressive JPEG whose last scan comes again and again: small, and slow to decode."""
    whole = saved(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    scan = whole[last:-2]
    return whole[:-2] + scan * scans + b"\xff\xd9"


def text_bomb():
    """Ninety-nine comments, each of which unpacks to a megabyte."""
    comment = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6), 9))
    return png(1, 1, 8, 2, b"\0\xff\0\0", *[comment] * 99)


def bmp_of_size(width, height):
    fields = (99, 0, 54, 40, width, height, 1, 24, 0, 0)
    return b"BM" + struct.pack("<LLLLllHHLL", *fields) + bytes(16)


def jpeg(**options):
    return saved(red(), "JPEG", quality=95, **options)


def noise_jpeg():
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    return saved(Image.fromarray(pixels), "JPEG")


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def jpeg_of_size(width, height):
    data = jpeg()
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def grey16():
    values = np.full((16, 16), 32768, np.uint16)
    return Image.frombytes("I;16", (16, 16), values.tobytes())


def floats(value):
    return saved(Image.fromarray(np.full((16, 16), value, np.float32)), "TIFF")


TOO_LARGE = "pixels are more than 50 megapixels"
BROKEN = "damaged|not a JPEG"
NO_IMAGE = "it is not a JPEG, PNG"

TAKEN = [
    Picture("jpeg.jpg", jpeg, corner=(254, 0, 0)),
    Picture("grey.jpg", lambda: saved(red(mode="L"), "JPEG")),
    Picture("cmyk.jpg", lambda: saved(red(mode="CMYK"), "JPEG", quality=95), corner=RED),
    Picture("progressive.jpg", lambda: jpeg(progressive=True), corner=(254, 0, 0)),
    Picture("restarts.jpg", lambda: jpeg(restart_marker_blocks=1), corner=(254, 0, 0)),
    Picture("comment.jpg", lambda: jpeg(comment=PAYLOAD)),
    Picture("large exif.jpg", lambda: jpeg(exif=b"Exif\0\0" + b"A" * 60_000)),
    Picture("broken exif.jpg", lambda: jpeg(exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")),
    Picture("circular exif.jpg", lambda: jpeg(exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\x08")),
    Picture("garbage profile.jpg", lambda: jpeg(icc_profile=PAYLOAD * 99)),
    Picture("trailing junk.jpg", lambda: jpeg() + PAYLOAD * 1000),
    Picture("trailing zip.jpg", lambda: jpeg() + b"PK\x05\x06" + bytes(18)),
    Picture("leading script.jpg", lambda: jpeg()[:2] + b"\xff\xfe\0\x20" + b"/*" * 15 + jpeg()[2:]),
    Picture("mpo.jpg", lambda: frames("MPO"), corner=(254, 0, 0)),
    Picture("one pixel.jpg", lambda: saved(red((1, 1)), "JPEG"), corner=(254, 0, 0)),
    Picture("png called.jpg", lambda: saved(red(), "PNG"), corner=RED),
    Picture("jpeg called.png", jpeg, corner=(254, 0, 0)),
    Picture("gif called.tiff", lambda: saved(red(), "GIF"), corner=RED),
    *[Picture(f"turned {n}.png", lambda n=n: turned(n), corner=RED) for n in range(2, 9)],
    Picture("one bit.png", lambda: saved(red(colour=WHITE, mode="1"), "PNG"), corner=WHITE),
    Picture("grey.png", lambda: saved(red(colour=(9, 9, 9), mode="L"), "PNG"), corner=(9, 9, 9)),
    Picture("grey alpha.png", lambda: saved(Image.new("LA", (4, 4), (0, 0)), "PNG"), corner=WHITE),
    Picture("palette.png", lambda: saved(red(mode="P"), "PNG"), corner=RED),
    Picture("hidden.png", lambda: saved(hidden(), "PNG"), corner=WHITE),
    Picture("hidden palette.png", lambda: saved(red(mode="P"), "PNG", transparency=0)),
    Picture("colour key.png", lambda: saved(red(), "PNG", transparency=RED), corner=WHITE),
    Picture("grey 16.png", lambda: saved(grey16(), "PNG"), corner=(128, 128, 128)),
    Picture(
        "rgb 16.png",
        lambda: png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 32768, 65535, 0)),
        corner=(128, 255, 0),
    ),
    Picture(
        "rgba 16.png",
        lambda: png(1, 1, 16, 6, b"\0" + struct.pack(">4H", 0, 0, 0, 0)),
        corner=WHITE,
    ),
    Picture("interlaced.png", lambda: png(1, 1, 8, 2, b"\0\xff\0\0", interlace=1), corner=RED),
    Picture("animated.png", lambda: frames("PNG"), corner=RED),
    Picture("trailing junk.png", lambda: saved(red(), "PNG") + PAYLOAD, corner=RED),
    Picture("script in text.png", lambda: png(1, 1, 8, 2, b"\0\xff\0\0", chunk(b"tEXt", PAYLOAD))),
    Picture("more data than pixels.png", lambda: png(1, 1, 8, 2, b"\0\xff\0\0" + bytes(10**8))),
    Picture("49 megapixels.png", lambda: flat_png(7000, 7000, 8, 2)),
    Picture("49 megapixels grey 16.png", lambda: flat_png(7000, 7000, 16, 0)),
    Picture("49 megapixels rgba.png", lambda: flat_png(7000, 7000, 8, 6), corner=WHITE),
    Picture("wide.png", lambda: saved(red((900, 10)), "PNG"), corner=RED),
    Picture("gif.gif", lambda: saved(red(), "GIF"), corner=RED),
    Picture("animated.gif", lambda: frames("GIF"), corner=RED),
    Picture("transparent.gif", lambda: saved(hidden(), "GIF"), corner=WHITE),
    Picture("lossy.webp", lambda: saved(red(), "WEBP"), corner=(254, 0, 0)),
    Picture("lossless.webp", lambda: saved(red(), "WEBP", lossless=True), corner=RED),
    Picture("animated.webp", lambda: frames("WEBP", lossless=True), corner=RED),
    Picture("hidden.webp", lambda: saved(hidden(), "WEBP", lossless=True), corner=WHITE),
    Picture("bmp.bmp", lambda: saved(red(), "BMP"), corner=RED),
    Picture("palette.bmp", lambda: saved(red(mode="P"), "BMP"), corner=RED),
    Picture("tiff.tif", lambda: saved(red(), "TIFF"), corner=RED),
    Picture("lzw.tif", lambda: saved(red(), "TIFF", compression="tiff_lzw"), corner=RED),
    Picture("deflate.tif", lambda: saved(red(), "TIFF", compression="tiff_adobe_deflate")),
    Picture("jpeg in.tif", lambda: saved(red(), "TIFF", compression="jpeg")),
    Picture("cmyk.tif", lambda: saved(red(mode="CMYK"), "TIFF"), corner=RED),
    Picture("pages.tif", lambda: frames("TIFF"), corner=RED),
    Picture("grey 16.tif", lambda: saved(grey16(), "TIFF"), corner=(128, 128, 128)),
    Picture(
        "rgb 16.tif",
        lambda: tiff(1, 1, 16, 3, struct.pack("<3H", 32768, 65535, 0)),
        corner=(128, 255, 0),
    ),
    Picture("float.tif", lambda: floats(0.5), corner=(128, 128, 128)),
    Picture("float nan.tif", lambda: floats(np.nan), corner=(0, 0, 0)),
    Picture("float infinite.tif", lambda: floats(np.inf)),
    Picture("float negative.tif", lambda: floats(-7.0), corner=(0, 0, 0)),
]

LEFT_OUT = [
    Picture("empty.jpg", lambda: b"", "the file is empty"),
    Picture("spaces.jpg", lambda: b" " * 999, NO_IMAGE + "|empty"),
    Picture("text.jpg", lambda: b"hello", NO_IMAGE),
    Picture("page.jpg", lambda: b"<!DOCTYPE html><script>", "but a web page"),
    Picture("drawing.png", lambda: b"<svg onload='alert(1)'/>", "but an SVG drawing"),
    Picture("xml drawing.png", lambda: b"<?xml version='1.0'?><svg/>", "but an SVG drawing"),
    Picture("gzipped drawing.png", lambda: gzip.compress(b"<svg/>"), NO_IMAGE),
    Picture("document.jpg", lambda: b"%PDF-1.7\n1 0 obj", "but a PDF"),
    Picture("program.jpg", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(x) (w) file", "but PostScript"),
    Picture("dos eps.jpg", lambda: b"\xc5\xd0\xd3\xc6" + bytes(99), "but PostScript"),
    Picture("phone.jpg", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC picture; save it"),
    Picture("avif.jpg", lambda: b"\0\0\0\x18ftypavif\0\0\0\0mif1", "AVIF picture; save it"),
    Picture("film.jpg", lambda: b"\0\0\0\x18ftypisom\0\0\0\0mp41", NO_IMAGE),
    Picture("zip.jpg", lambda: b"PK\x03\x04" + bytes(99), "but a zip"),
    Picture("elf.jpg", lambda: b"\x7fELF" + bytes(99), NO_IMAGE),
    Picture("pickle.jpg", lambda: b"\x80\x04cos\nsystem\n(S'touch canary'\ntR.", NO_IMAGE),
    Picture("ppm.png", lambda: saved(red(), "PPM"), NO_IMAGE),
    Picture("ico.png", lambda: saved(red(), "ICO"), NO_IMAGE),
    Picture("tga.png", lambda: saved(red(), "TGA"), NO_IMAGE),
    Picture("jpeg 2000.jpg", lambda: saved(red(), "JPEG2000"), NO_IMAGE),
    Picture("dds.png", lambda: saved(red(), "DDS"), NO_IMAGE),
    Picture("169 megapixels.png", lambda: flat_png(13_000, 13_000, 8, 0), TOO_LARGE),
    Picture("51 megapixels.png", lambda: png(7_200, 7_100), "7200 x 7100 " + TOO_LARGE),
    Picture("3600 megapixels.png", lambda: png(60_000, 60_000), TOO_LARGE),
    Picture("largest.png", lambda: png(2**31 - 1, 2**31 - 1), TOO_LARGE + "|damaged"),
    Picture("largest.jpg", lambda: jpeg_of_size(65_500, 65_500), TOO_LARGE),
    Picture("largest.gif", lambda: b"GIF89a\xff\xff\xff\xff\0\0\0," + bytes(99), TOO_LARGE),
    Picture("largest.tif", lambda: tiff(99_999, 99_999, 8, 1, b"\0" * 9), TOO_LARGE),
    Picture("largest.bmp", lambda: bmp_of_size(99_999, 99_999), TOO_LARGE),
    Picture("strip.png", lambda: saved(red((20_000, 1)), "PNG"), "20000 x 1 pixels are a strip"),
    Picture("pole.jpg", lambda: saved(red((1, 20_000)), "JPEG"), "1 x 20000 pixels are a strip"),
    Picture("no width.png", lambda: png(0, 9), BROKEN),
    Picture("no pixels.png", lambda: png(9, 9), "damaged"),
    Picture("cut.png", lambda: saved(Image.effect_noise((64, 64), 99), "PNG")[:900], "damaged"),
    Picture("wrong crc.png", lambda: flipped(png(9, 9, 8, 2, bytes(252)), 20), BROKEN),
    Picture("garbage pixels.png", lambda: flipped(png(9, 9, 8, 2, bytes(252)), 45), "damaged"),
    Picture("text bomb.png", text_bomb),
    Picture("only a header.png", lambda: b"\x89PNG\r\n\x1a\n" + bytes(99), BROKEN),
    Picture("cut.jpg", lambda: noise_jpeg()[:2000], "damaged"),
    Picture("half a header.jpg", lambda: noise_jpeg()[:100], BROKEN),
    Picture("two bytes.jpg", lambda: b"\xff\xd8", BROKEN),
    Picture("endless segments.jpg", lambda: b"\xff\xd8" + b"\xff\xe0\0\x02" * 9999, BROKEN),
    Picture("cut.gif", lambda: b"GIF89a\x05\0\x05\0\x80\0\0", BROKEN),
    Picture("cut.webp", lambda: saved(red(), "WEBP")[:40], BROKEN),
    Picture("no webp.webp", lambda: b"RIFF\x24\0\0\0WEBPVP8 " + bytes(20), BROKEN),
    Picture("circular.tif", lambda: tiff(1, 1, 8, 1, b"", following=8, t279=9), "damaged"),
    Picture("no strip.tif", lambda: tiff(9, 9, 8, 1, b"", t273=10**9), "damaged"),
    Picture("lies.bmp", lambda: b"BM" + b"\xff" * 60, BROKEN),
]

PICTURES = [*TAKEN, *LEFT_OUT]
