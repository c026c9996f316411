"""Turns names of class folders into names for prompts; codes become the words they stand for.

CLIP's text tower cannot use names such as `n02123045`, `001.Black_footed_Albatross` or `RedFox`.
They are read as words if that is safe: no two classes get the same name, and brand names stay.
"""

import lzma
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from core.data.names import fold
from core.data.prompts import display_name
from core.embedded import assets


class _Nouns(NamedTuple):
    """The nouns as columns; a noun has the same index in each."""

    offsets: list[int]
    names: list[str]
    """One or two names, separated by a comma."""
    above: list[int]
    """Index of the more general noun; its own index if there is none."""


def names_of(offset: int) -> Iterator[str]:
    """Names of the noun at an offset, best first, each more precise than the one before: `crane`,
    `crane (wading bird)`. Empty for an offset without a noun.
    """
    nouns = _nouns()
    at = bisect_left(nouns.offsets, offset)
    if at == len(nouns.offsets) or nouns.offsets[at] != offset:
        return
    names = nouns.names[at].split(",")
    yield from names
    kind = nouns.above[at]
    while kind != nouns.above[kind]:
        yield f"{names[0]} ({nouns.names[kind].partition(',')[0]})"
        kind = nouns.above[kind]


@cache
def _nouns() -> _Nouns:
    with lzma.open(assets() / "wordnet" / "nouns.txt.xz", "rt", encoding="ascii") as file:
        steps, names, above = (column.split("\n") for column in file.read().split("\n\n"))
    offsets = list(accumulate(int(step, 16) for step in steps))
    return _Nouns(offsets, names, [at - int(back) for at, back in enumerate(above)])


GENERIC = frozenset((
    "class", "cls", "label", "lbl", "category", "group", "cluster", "folder", "dir", "id",
    "idx", "index", "type", "set", "target", "item", "object", "obj", "no", "nr", "num",
    "number", "klasse", "classe", "clase", "kategorie", "categorie", "categoria", "species",
))  # fmt: skip
"""Words that add nothing to a number."""

_WORDNET = re.compile(r"n(\d{8})(?:[\s_.-]+(.*))?", re.IGNORECASE)
_WORDNET_LAST = re.compile(r"(.*[^\W\d_].*?)[\s_.-]+n\d{8}", re.IGNORECASE)
_SYNSET = re.compile(r"([^\W\d].*)\.n\.\d\d")
"""A noun as NLTK writes it: `dog.n.01`."""
_NUMBERED = re.compile(r"(?:[^\W\d_]+[\s_-]?)?(\d{1,6})([\s_.):-]+)(?=[^\W\d_])(.*)")
_GENERIC_NUMBER = re.compile(r"([^\W\d_]+)[\s_-]?\d+[\s_.):-]*")
_CAMEL = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_SHORT_WORDS = frozenset(("of", "in", "on", "at", "to", "by", "or", "ox"))
_BRAND_STARTS = frozenset(("Mac", "Van", "Von", "Fitz"))
_BRANDS = frozenset((
    "airbnb", "airpods", "astrazeneca", "autocad", "blackberry", "chatgpt", "chapstick",
    "crossfit", "deepmind", "doordash", "dreamworks", "dropbox", "exxonmobil", "facebook",
    "facetime", "firefox", "gamecube", "gameboy", "github", "gitlab", "glaxosmithkline",
    "hellofresh", "homepod", "hubspot", "instacart", "jansport", "javascript", "kitkat",
    "linkedin", "mailchimp", "mastercard", "minecraft", "nutribullet", "onedrive", "paypal",
    "photoshop", "playstation", "powerpoint", "quicktime", "salesforce", "sharepoint",
    "sketchup", "snapchat", "soundcloud", "spongebob", "starcraft", "teamviewer", "thinkpad",
    "tiktok", "tripadvisor", "typescript", "walmart", "westjet", "whatsapp", "wordpress",
    "youtube",
))  # fmt: skip
"""Brand names that stay one word, such as YouTube."""


def class_names(folders: Sequence[str], given: Sequence[str | None]) -> tuple[str, ...]:
    """The name of each class: the `given` name, else the words of its folder.

    If two classes would get the same name, longer names are tried: `crane (wading bird)`. If there
    are none, both keep the names of their folders.
    """
    pairs = list(zip(folders, given, strict=True))
    counted = _counted([folder for folder, name in pairs if not name])
    choices = [[name] if name else _choices(folder, counted) for folder, name in pairs]
    at = [0] * len(choices)
    while True:
        same: defaultdict[str, list[int]] = defaultdict(list)
        for i, names in enumerate(choices):
            same[fold(names[at[i]])].append(i)
        alike = [i for group in same.values() if len(group) > 1 for i in group]
        may_tell_more = [i for i in alike if at[i] + 1 < len(choices[i])]
        if not may_tell_more:
            return tuple(names[i] for names, i in zip(choices, at, strict=True))
        for i in may_tell_more:
            at[i] += 1


def _choices(folder: str, counted: bool) -> list[str]:
    """Possible names of a folder, the best first; its own name is the last."""
    return list(dict.fromkeys((*_read(folder, counted), display_name(folder))))


def _read(folder: str, counted: bool) -> list[str]:
    """Names for a folder whose name is a code; empty for any other."""
    text = folder.strip()
    if found := _WORDNET.fullmatch(text):
        own = found[2] and re.search(r"[^\W\d_]", found[2])
        return [_spoken(found[2])] if own else list(names_of(int(found[1])))
    for pattern in (_WORDNET_LAST, _SYNSET):
        if found := pattern.fullmatch(text):
            return [_spoken(found[1])]
    if (found := _NUMBERED.fullmatch(text)) and _is_index(text, found[1], counted):
        return [_spoken(found[3])]
    words = _spoken(text)
    return [words] if words != display_name(text) else []


def _is_index(text: str, number: str, counted: bool) -> bool:
    """True if the number in front of a name counts the classes and is not part of the name."""
    if text[0].isdigit():
        return counted or (len(number) > 1 and number[0] == "0")
    before = _GENERIC_NUMBER.match(text)
    return before is not None and before[1].casefold() in GENERIC


def _counted(folders: Sequence[str]) -> bool:
    """True if the numbers in front of the names count the classes.

    Then every name has a different number, and the numbers look like an index: with `.` or `)`,
    with leading zeros, or running from 0 or 1. `1 euro, 2 euro` and `2-door, 4-door` are no index.
    """
    found = [_NUMBERED.fullmatch(folder.strip()) for folder in folders]
    matches = [match for match in found if match and match[0][0].isdigit()]
    numbers = sorted(int(match[1]) for match in matches)
    names = {fold(_spoken(match[3])) for match in matches}
    if len(matches) < max(2, len(folders)) or not len(matches) == len(set(numbers)) == len(names):
        return False
    runs = all(after - before == 1 for before, after in pairwise(numbers))
    written = all("." in match[2] or ")" in match[2] for match in matches)
    padded = any(match[1][0] == "0" and len(match[1]) > 1 for match in matches)
    return written or padded or (runs and (numbers[0] == 0 or (numbers[0] == 1 < len(numbers) - 1)))


def _spoken(text: str) -> str:
    """The name with spaces between its words: for `Annual_Crop`, `AnnualCrop`, `annualCrop`."""
    words = display_name(text)
    if not words.isalpha() or words.casefold() in _BRANDS:
        return words
    parts = _CAMEL.split(words)
    whole = all(len(part) > 2 or part.casefold() in _SHORT_WORDS for part in parts)
    # A last part in capitals, or a short one, means a brand: OpenAI, EuroSAT, FedEx.
    brand = parts[-1].isupper() or len(parts[-1]) < 3 or parts[0] in _BRAND_STARTS
    if len(parts) < 2 or not whole or brand:
        return words
    if parts[0].islower():
        parts = [part if part.isupper() else part.lower() for part in parts]
    return " ".join(parts)
