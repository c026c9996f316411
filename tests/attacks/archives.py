"""Zips that a visitor may send: how many images are taken, and what is said of the rest."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from stat import S_IFBLK, S_IFCHR, S_IFIFO, S_IFLNK, S_IFSOCK

from tests.attacks.pictures import PAYLOAD, red, saved

IMAGE = saved(red(), "JPEG")
GOOD = ("fox/good.jpg", IMAGE)


@dataclass(frozen=True)
class Archive:
    """A zip. `images` are taken; `said` matches a reason to leave a file out, or the refusal."""

    name: str
    make: Callable[[], bytes]
    images: int = 1
    said: str | None = None
    label: str = "upload.zip"


def zipped(*members, method=zipfile.ZIP_DEFLATED, comment=b""):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.comment = comment
        for name, data in members:
            file.writestr(name, data)
    return buffer.getvalue()


def info(name, **fields):
    made = zipfile.ZipInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def of_kind(kind):
    return info(f"fox/{kind}.jpg", external_attr=(kind | 0o777) << 16, create_system=3)


def patched(data, at, form, *values):
    size = struct.calcsize(form)
    return data[:at] + struct.pack(form, *values) + data[at + size :]


def central(data, number=0):
    at = -1
    for _ in range(number + 1):
        at = data.index(b"PK\x01\x02", at + 1)
    return at


def encrypted(*members):
    data = zipped(*members)
    last = data.rindex(b"PK\x01\x02")
    (local,) = struct.unpack_from("<L", data, last + 42)
    return patched(patched(data, local + 6, "<H", 1), last + 8, "<H", 1)


def twice():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for colour in ((255, 0, 0), (0, 255, 0)):
            name = "fox/same.jpg" if colour[0] else "fox/samf.jpg"
            file.writestr(name, saved(red(colour=colour), "JPEG"))
    return buffer.getvalue().replace(b"samf", b"same")


def overlapping():
    data = zipped(("fox/a.jpg", os.urandom(99)), ("fox/b.jpg", os.urandom(99)))
    return patched(data, central(data, 1) + 42, "<L", 0)


def lying():
    data = zipped(GOOD, ("fox/lies.jpg", bytes(5_000_000)))
    return data.replace(struct.pack("<L", 5_000_000), struct.pack("<L", 100))


def bad_checksum():
    data = zipped(GOOD, ("fox/bad.jpg", os.urandom(3000)))
    at = data.index(b"fox/bad.jpg") + 1000
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def wrong_local_name():
    return zipped(GOOD, ("fox/bad.jpg", IMAGE)).replace(b"fox/bad.jpg", b"fox/bat.jpg", 1)


def zip64(data, directory_bytes=None, off=0):
    end = data.rindex(b"PK\x05\x06")
    entries, size, offset = struct.unpack_from("<HLL", data, end + 10)
    size = size if directory_bytes is None else directory_bytes
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, size, offset
    )
    return data[:end] + record + struct.pack("<4sLQL", b"PK\x06\x07", 0, end + off, 1) + data[end:]


def quine():
    """A zip that holds itself as far as that can be written down, and an image."""
    inner = zipped(GOOD)
    for _ in range(4):
        inner = zipped(GOOD, ("again.zip", inner))
    return inner


def many(count, name="fox/{}.jpg", data=b""):
    return zipped(*[(name.format(number), data) for number in range(count)])


def bomb(megabytes, name="fox/bomb.jpg"):
    return zipped((name, bytes(megabytes * 1_000_000)))


def aliases():
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()


def with_settings(text):
    return lambda: zipped(GOOD, ("dataset.yaml", text))


OUTSIDE = "it points outside of the archive"
CONTROL = "control characters"
NUL = "\u2400"
"""Stands for a zero byte, which `zipfile` does not write."""
NAMES = [
    ("climbs", "../canary.jpg", OUTSIDE),
    ("climbs far", "../" * 20 + "etc/canary.jpg", OUTSIDE),
    ("climbs inside", "fox/../../canary.jpg", OUTSIDE),
    ("climbs and stays", "fox/../canary.jpg", OUTSIDE),
    ("absolute", "/etc/canary.jpg", OUTSIDE),
    ("of a host", "//host/share/canary.jpg", OUTSIDE),
    ("of a drive", "C:/canary.jpg", OUTSIDE),
    ("of a drive, relative", "C:canary.jpg", OUTSIDE),
    ("backslashes that climb", "..\\..\\canary.jpg", OUTSIDE),
    ("backslash first", "\\canary.jpg", OUTSIDE),
    ("dots alone", "..", OUTSIDE),
    ("newline", "fox/a\nb.jpg", CONTROL),
    ("escape", "fox/\x1b[2J.jpg", CONTROL),
    ("tab", "fox/a\tb.jpg", CONTROL),
    ("nul", f"fox/a.jpg{NUL}.txt", CONTROL),
    ("delete", "fox/a\x7f.jpg", CONTROL),
    ("long name", "fox/" + "n" * 300 + ".jpg", "its name is too long"),
    ("long path", "a/" * 600 + "1.jpg", "its name is too long"),
    ("deep", "a/" * 40 + "1.jpg", "more than 32 folders deep"),
    ("of the finder", "__MACOSX/fox/._1.jpg", "macOS archive metadata"),
    ("of the finder's folder", "fox/.DS_Store", "hidden"),
    ("of windows", "fox/Thumbs.db", "made by the operating system"),
    ("hidden", "fox/.hidden.jpg", "hidden"),
    ("in a hidden folder", ".git/fox/1.jpg", "hidden"),
    ("text", "fox/readme.txt", "not an image"),
    ("no extension", "fox/README", "not an image"),
    ("drawing", "fox/a.svg", "SVG pictures are not read; save it as JPEG or PNG"),
    ("phone", "fox/a.HEIC", "HEIC pictures are not read; save it as JPEG or PNG"),
    ("document", "fox/a.pdf", "PDF pictures are not read"),
    ("postscript", "fox/a.eps", "EPS pictures are not read"),
    ("program", "fox/a.jpg.exe", "not an image"),
    ("archive in it", "fox/more.zip", "an archive inside the upload is not opened"),
    ("tarball in it", "fox/more.tar.gz", "an archive inside the upload is not opened"),
    *[
        (f"of kind {kind:o}", of_kind(kind), "it is a link or a device")
        for kind in (S_IFLNK, S_IFIFO, S_IFBLK, S_IFCHR, S_IFSOCK)
    ],
]
"""Files of one zip that are left out: what they are, how they are called, what is said of them."""
ODD_NAMES = [
    ("markup", "fox/<img src=x onerror=alert(1)>.jpg"),
    ("formula", "fox/=cmd|' A0.jpg"),
    ("option", "fox/-rf.jpg"),
    ("emoji", "fox/🦊🚀.jpg"),
    ("reserved", "fox/CON.jpg"),
    ("reserved class", "aux/1.jpg"),
    ("backslashes", "fox\\1.jpg"),
    ("dots", "fox/./2.jpg"),
    ("trailing dot", "fox./1.jpg"),
    ("right to left", "fox/gpj.\u202egpj.jpg"),
    ("percent", "fox/%2e%2e%2fcanary.jpg"),
    ("template", "fox/{{7*7}}${7*7}.jpg"),
    ("sql", "fox/'; drop table job; --.jpg"),
]


def all_names():
    """Every name that is left out, in one zip."""
    data = zipped(GOOD, *[(name, IMAGE) for _, name, _ in NAMES])
    # As long as before in UTF-8, so that no offset moves.
    return data.replace(NUL.encode(), b"\0.\0")


def all_odd_names():
    """Every name that is made safe, in one zip, each with an image of its own."""
    colours = [saved(red(colour=(9 * n, 255 - 9 * n, 40)), "PNG") for n in range(len(ODD_NAMES))]
    return zipped(*[(name, data) for (_, name), data in zip(ODD_NAMES, colours, strict=True)])


ARCHIVES = [
    Archive("bad names", all_names),
    Archive("odd names", all_odd_names, len(ODD_NAMES)),
    Archive("plain", lambda: zipped(GOOD)),
    Archive("stored", lambda: zipped(GOOD, method=zipfile.ZIP_STORED)),
    Archive(
        "encrypted", lambda: encrypted(("fox/1.jpg", IMAGE)), 0, "'fox/1.jpg': it is encrypted"
    ),
    Archive("one encrypted", lambda: encrypted(GOOD, ("fox/1.jpg", IMAGE)), 1, "it is encrypted"),
    Archive("bzip2", lambda: zipped(GOOD, method=zipfile.ZIP_BZIP2), 0, "other than the usual"),
    Archive("lzma", lambda: zipped(GOOD, method=zipfile.ZIP_LZMA), 0, "other than the usual"),
    Archive("of one name twice", twice, 1, "it is in the zip twice"),
    Archive("upper and lower case", lambda: zipped(("fox/a.jpg", IMAGE), ("fox/A.JPG", b"x")), 1),
    Archive("accents twice", lambda: zipped(("fox/e\u0301.jpg", IMAGE), ("fox/\xe9.jpg", b"x")), 1),
    Archive(
        "a file and a folder", lambda: zipped(("fox/a", b""), ("fox/a/1.jpg", IMAGE)), 1, "at once"
    ),
    Archive("wrong checksum", bad_checksum, 1, "damaged in the zip"),
    Archive("wrong local name", wrong_local_name, 1, "damaged in the zip"),
    Archive("lies about its size", lying, 1, "damaged in the zip"),
    Archive("overlap", overlapping, 0, "overlaps with another file|damaged"),
    Archive("bomb", lambda: bomb(80), 0, "times its size, more than 100 times"),
    Archive("larger than is kept", lambda: lying_total(3 * 2**30), 0, "unpacks to 3 GiB"),
    Archive("bomb in a stray", lambda: zipped(GOOD, ("bomb.txt", bytes(10**8))), 1, "not an image"),
    Archive("nested bomb", lambda: zipped(GOOD, ("fox/in.zip", bomb(80))), 1, "is not opened"),
    Archive("quine", quine, 1, "is not opened"),
    Archive("empty", zipped, 0, "is empty|has no images"),
    Archive("of folders alone", lambda: zipped(("fox/", b""), ("owl/", b"")), 0, "is empty"),
    Archive("of one empty image", lambda: zipped(("fox/1.jpg", b"")), 0, "the file is empty"),
    Archive("nothing", lambda: b"", 0, "not a whole zip"),
    Archive("text", lambda: PAYLOAD, 0, "not a whole zip"),
    Archive("cut in half", lambda: zipped(GOOD)[:200], 0, "not a whole zip"),
    Archive("cut at the end", lambda: zipped(GOOD)[:-5], 0, "not a whole zip"),
    Archive("cut at the start", lambda: zipped(GOOD)[50:], 0, "beginning is missing"),
    Archive("a comment", lambda: zipped(GOOD, comment=PAYLOAD)),
    Archive("a comment like an end", lambda: zipped(GOOD, comment=b"PK\x05\x06" + bytes(18)), 0),
    Archive("after a program", lambda: b"#!/bin/sh\n" + zipped(GOOD)),
    Archive("huge table", lambda: huge_table(), 0, "far more than the 20000 images"),
    Archive("zip64", lambda: zip64(zipped(GOOD))),
    Archive("huge table of zip64", lambda: zip64(zipped(GOOD), 2**40), 0, "far more than"),
    Archive("zip64 elsewhere", lambda: zip64(zipped(GOOD), off=-9), 0, "not where it says"),
    Archive("21000 images", lambda: many(21_000), 0, "holds 21000 images, at most 20000"),
    Archive("21000 others", lambda: zipped(GOOD, *[(f"x/{n}.txt", b"") for n in range(21_000)]), 1),
    Archive("rar", lambda: b"Rar!\x1a\x07\x01\0" + bytes(99), 0, "not a whole zip"),
    Archive("7z", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(99), 0, "not a whole zip"),
    Archive("image called a zip", lambda: IMAGE, 0, "not a whole zip"),
    Archive("page in it", lambda: zipped(GOOD, ("fox/page.jpg", b"<html>")), 1, "but a web page"),
    Archive("settings of aliases", with_settings(aliases()), 1),
    Archive("settings that nest", with_settings(b"a: " + b"[" * 50_000), 1),
    Archive("settings that run code", with_settings(b"!!python/object/apply:os.system ['x']"), 1),
    Archive("settings that are a list", with_settings(b"- a"), 1),
    Archive("settings that are no text", with_settings(b"\xff\xfe\xfd"), 1),
    Archive("settings of 2 MB", with_settings(b"title: " + b"x" * 2_000_000), 1),
    Archive("settings of a wrong key", with_settings(b"titel: x"), 1),
    Archive("settings of a huge number", with_settings(b"title: " + b"9" * 9000), 1),
    Archive("settings with markup", with_settings(b"title: <script>alert(1)</script>"), 1),
    Archive("settings of a wrong template", with_settings(b"templates: ['{0.__class__}']"), 1),
]


def huge_table():
    data = zipped(GOOD)
    return patched(data, data.rindex(b"PK\x05\x06") + 12, "<L", 2**31)


def lying_total(size):
    """Says in its table that it unpacks to `size`."""
    data = zipped(("fox/1.jpg", os.urandom(999)))
    return patched(data, central(data) + 24, "<L", size)
