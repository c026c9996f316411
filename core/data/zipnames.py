"""Decodes file names in a zip: UTF-8 if the zip declares it, else the likeliest encoding.

Old tools write names in the code page of their computer and do not declare it.
"""

import codecs
import re
import struct
import unicodedata
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from zipfile import ZipInfo

import chardet

from core.errors import unknown

_UTF8 = 0x800
_UNICODE_PATH = 0x7075
"""APPNOTE 4.6.9: version, CRC-32 of the name in the header, the same name in UTF-8."""
_MOST_JUDGED = 2000
_MOST_SHOWN = 5

_TITLES = {
    "utf-8": "UTF-8",
    "cp932": "Shift-JIS",
    "gb18030": "Chinese GBK",
    "big5": "Chinese Big5",
    "cp949": "Korean EUC-KR",
    "euc_jp": "Japanese EUC",
    "cp866": "Russian DOS",
    "cp1251": "Russian Windows",
    "koi8-r": "Russian KOI8-R",
    "cp437": "DOS",
    "cp850": "DOS Western Europe",
    "cp1252": "Windows Western Europe",
    "cp852": "DOS Central Europe",
    "cp1250": "Windows Central Europe",
    "cp737": "DOS Greek",
    "cp1253": "Windows Greek",
    "cp857": "DOS Turkish",
    "cp1254": "Windows Turkish",
    "cp862": "DOS Hebrew",
    "cp1255": "Windows Hebrew",
    "cp1256": "Windows Arabic",
    "cp874": "Thai",
}
ENCODINGS = tuple(_TITLES)
"""Encodings that may be guessed, by Python's names. A person may choose any that Python knows."""
_RARER = {"euc_jp": 0.5, "koi8-r": 0.5, "cp852": 0.52, "cp1250": 0.52, "cp874": 0.3}
_RARER |= dict.fromkeys(("cp737", "cp1253", "cp862", "cp1255", "cp1256"), 0.7)
"""Weights below 1 for encodings that are rare in zips; they decide if the letters do not."""
_IN_NAMES = frozenset("°№·«»–—‘’“”…、。・「」『』（）【】～〜ー！？＆＋，：－〇")
_EAST_ASIAN = "CJK"
_OF_EAST_ASIA = dict.fromkeys(
    ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "FULLWIDTH"), _EAST_ASIAN
)
"""East Asian scripts that may be mixed within one word, as one script."""
_MIXED, _NEAR = 0.2, 0.8
_NUMBERED = re.compile(rb"[0-9]+(\.[A-Za-z]{2,4})?$|\.[A-Za-z]{2,4}$")
_SYMBOL_IN_WORD = re.compile(r"[^\W\d_][@\[\]^`{|}~]|[@\[\]^`{|}~][^\W\d_]")
"""A letter next to a sign, which often is half of a misread East Asian character."""
_KANA, _HAN = "\u3040-\u30fb\u30fd-\u30ff", "\u3400-\u9fff\uf900-\ufaff"
_UNUSUAL = {
    "gb18030": re.compile(f"[{_KANA}\ue000-\uf8ff\U00010000-\U0010ffff]"),
    "big5": re.compile(f"[{_KANA}]"),
    "cp949": re.compile(f"[{_KANA}{_HAN}]"),
}
"""Characters that an encoding has but that its users do not write in names."""


class ZipNames:
    """The names of all files in one zip.

    All names without a declared encoding are judged together, because one name has too little
    evidence.
    """

    def __init__(self, infos: Iterable[ZipInfo], encoding: str | None = None) -> None:
        """`encoding` is used for names that declare none; by default it is guessed.

        Raises `UserError` for an unknown encoding.
        """
        told = [info for info in infos if _declared(info) is None]
        raws = [raw for info in told if not (raw := _raw(info)).isascii()]
        parts = list(dict.fromkeys(part for raw in raws for part in _parts(raw)))
        self._chosen = encoding is not None
        self._mixed = False
        if encoding is not None:
            self.encoding = known_encoding(encoding)
        else:
            self.encoding, self._mixed = _guess(parts)
        self._parts = parts

    def __getitem__(self, info: ZipInfo) -> str:
        """The full name of an entry, with its folders, as in the zip."""
        name = _declared(info)
        return self._read(_raw(info)) if name is None else name

    @property
    def note(self) -> str | None:
        """A sentence with the guessed encoding and the resulting names; None without a guess.

        Names that are valid UTF-8 need no guess: other encodings almost never look like UTF-8.
        """
        if self._chosen or not self._parts or self.encoding == "utf-8":
            return None
        names = [self._read(part) for part in self._parts[:_MOST_SHOWN]]
        more = ", …" if len(self._parts) > _MOST_SHOWN else ""
        return (
            f"The zip declares no encoding of names; read as {_title(self.encoding)}: "
            f"{', '.join(names)}{more}. "
            "If they look wrong, the health report offers other readings."
        )

    def _read(self, raw: bytes) -> str:
        order = ("utf-8", self.encoding) if self._mixed else (self.encoding,)
        return next((t for one in order if (t := _decoded(raw, one)) is not None), None) or (
            raw.decode("cp437")
        )


def other_readings(
    names: Sequence[str], encoding: str, most: int = 2
) -> list[tuple[str, dict[str, str]]]:
    """Other readings of names that were read as `encoding`, likeliest first: (title of the other
    encoding, name to its other reading). ASCII names are left out: they are always the same.
    """
    told = {name: raw for name in names if not (raw := _encoded(name, encoding)).isascii()}
    found: dict[tuple[str, ...], tuple[float, str]] = {}
    for other in ENCODINGS:
        texts = [_decoded(raw, other) for raw in told.values()]
        readable = [text for text in texts if text is not None]
        if other == encoding or not told or len(readable) < len(texts):
            continue
        liking = sum(_like_a_name(text, other) for text in readable) * _RARER.get(other, 1.0)
        if liking and readable != list(told):
            found.setdefault(tuple(readable), (liking, _title(other)))
    ranked = sorted(found.items(), key=lambda one: -one[1][0])[:most]
    return [(title, dict(zip(told, texts, strict=True))) for texts, (_, title) in ranked]


def _encoded(name: str, encoding: str) -> bytes:
    """The bytes that a name was read from; empty if the name was changed since."""
    try:
        return name.encode(encoding)
    except UnicodeEncodeError:
        return b""


def guessed_encoding(parts: Sequence[bytes]) -> tuple[str, str]:
    """The likeliest encoding of short texts from one source: (Python's name, title for people).

    No text may be plain ASCII. UTF-8 is not considered.
    """
    encoding = _likeliest(parts)[0]
    return encoding, _title(encoding)


def _title(encoding: str) -> str:
    return f"{_TITLES[encoding]} ({encoding})"


def known_encoding(encoding: str) -> str:
    """Python's name of an encoding, for any spelling. Raises `UserError` for an unknown one."""
    try:
        "".encode(encoding)
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise unknown("encoding", encoding, ENCODINGS) from None


def _declared(info: ZipInfo) -> str | None:
    """The name of an entry, if the zip declares its encoding; else None."""
    if info.flag_bits & _UTF8:
        return info.orig_filename
    return _unicode_path(info.extra, _raw(info))


def _raw(info: ZipInfo) -> bytes:
    """The bytes of an undeclared name. `zipfile` decodes them as cp437, which has all 256 bytes."""
    return info.orig_filename.encode("cp437")


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The name in the Unicode Path field, if its checksum fits the name in the header."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) == size > 5:
            version, crc = struct.unpack_from("<BL", field)
            if version == 1 and crc == zlib.crc32(raw):
                return _decoded(field[5:], "utf-8")
    return None


def _parts(raw: bytes) -> Iterable[bytes]:
    """The non-ASCII folders and file of a name. Not split at `\\`, because that is also the second
    byte of many East Asian characters.
    """
    return (part for part in raw.split(b"/") if not part.isascii())


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _guess(parts: Sequence[bytes]) -> tuple[str, bool]:
    """(likeliest encoding of the parts, True if some of them are UTF-8 anyway)."""
    others = [part for part in parts if _decoded(part, "utf-8") is None]
    if not others:
        return "utf-8", False
    encoding, understood = _likeliest(parts)
    if understood or len(others) == len(parts):
        return encoding, False
    # Two tools wrote this zip. Names that are valid UTF-8 are UTF-8; the others are judged alone.
    return _likeliest(others)[0], True


def _likeliest(parts: Sequence[bytes]) -> tuple[str, bool]:
    """(likeliest encoding except UTF-8, True if all parts read like names in it)."""
    # Without numbers and extensions, so that a thousand photos of one series count as one word.
    judged = list(dict.fromkeys(_NUMBERED.sub(b"", part) for part in parts))[:_MOST_JUDGED]
    liking: dict[str, float] = {}
    for encoding in ENCODINGS[1:]:
        texts = [text for part in judged if (text := _decoded(part, encoding)) is not None]
        liking[encoding] = sum(_like_a_name(t, encoding) for t in texts) / len(judged)
    best = max(liking.values())
    near = [encoding for encoding, value in liking.items() if value >= _NEAR * best]
    seen = _resemblance(b"\n".join(judged), near)
    found = max(near, key=lambda e: liking[e] * seen.get(e, 0.0) * _RARER.get(e, 1.0))
    return found, best > _NEAR and all(_decoded(part, found) is not None for part in parts)


def _resemblance(data: bytes, encodings: Sequence[str]) -> Mapping[str, float]:
    """The confidence of chardet, per encoding, that the bytes are text in it."""
    found = chardet.detect_all(
        data,
        ignore_threshold=True,
        include_encodings=[name.replace("_", "-") for name in encodings],
        no_match_encoding=encodings[0].replace("_", "-"),
    )
    named = [(one["encoding"], one["confidence"]) for one in found]
    return {codecs.lookup(name).name: confidence for name, confidence in named if name}


def _like_a_name(text: str, encoding: str) -> float:
    """A score from 0 to 1 for a text that reads like a name in this encoding.

    Good names have words of one script, capitals only at the beginning of a word, and letters that
    users of the encoding write.
    """
    unusual = _UNUSUAL.get(encoding)
    habit = 1.0 if unusual is None or not unusual.search(text) else _MIXED
    return habit * min(map(_like_a_word, re.split(r"[\s/\\_.,()-]+", text)))


def _like_a_word(word: str) -> float:
    scripts = {_script(c) for c in word if unicodedata.category(c).startswith("L")}
    foreign = [c for c in word if not c.isascii()]
    if any(unicodedata.category(c)[0] not in "LMN" and c not in _IN_NAMES for c in foreign):
        return 0.0  # lines of boxes, currencies, control characters
    if len(scripts - {"LATIN"}) > 1 or "HALFWIDTH" in scripts:
        return 0.0
    if any(a.islower() and b.isupper() and not (a + b).isascii() for a, b in pairwise(word)):
        return 0.0
    if _SYMBOL_IN_WORD.search(word):
        return _MIXED
    # Words such as T-shirt mix a Latin capital into another script; a small letter rarely does so.
    mixed = len(scripts) > 1 and any(c.isascii() and c.islower() for c in word)
    return _MIXED if mixed or (len(scripts) > 1 and not scripts & {_EAST_ASIAN}) else 1.0


def _script(letter: str) -> str:
    first = unicodedata.name(letter, "?").partition(" ")[0]
    return {"MASCULINE": "LATIN", "FEMININE": "LATIN"}.get(first, _OF_EAST_ASIA.get(first, first))
