"""Classifies class names that are not words: numbers, codes, placeholders, garbled names."""

import re
from collections import defaultdict
from collections.abc import Sequence

from core.data import mojibake
from core.data.class_names import GENERIC

_CODE_WORDS = frozenset((
    "img", "dsc", "dscn", "dscf", "pxl", "mvi", "vid", "dcim", "image", "photo", "pic",
    "picture", "scan", "frame", "sku", "sn", "pn", "ref", "art", "ean", "upc", "asin", "lot",
    "batch", "part", "prod", "product", "sample", "serial", "file", "doc",
))  # fmt: skip
_WORD_AND_NUMBER = re.compile(r"([^\W\d_]+)[\s_.#-]*(\d+)([a-z]?)", re.IGNORECASE)
_NUMBER_AND_WORD = re.compile(r"\d+[\s_.#-]*([^\W\d_]+)")
_GENERIC_LETTER = re.compile(r"([^\W\d_]{2,})[\s_-]+[^\W\d_]")
_WORDNET_ID = re.compile(r"n\d{8}\b.*", re.IGNORECASE)
_HEX = re.compile(r"(?=.*\d.*\d)(?=.*[a-f])[0-9a-f]{8,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SWITCH = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")


def kinds_of(names: Sequence[str]) -> list[str]:
    """The kind of each name that is not a word, such as `number` or `code`; `""` for words."""
    kinds = [kind_of(name) for name in names]
    for i in _counting(names):
        kinds[i] = kinds[i] or "placeholder"
    return kinds


def kind_of(name: str) -> str:
    """The kind of a single name, without comparing it with the others; `""` for words."""
    text = name.strip()
    letters = [letter for letter in text if letter.isalpha()]
    if mojibake.is_garbled(text):
        return "garbled"
    if not letters:
        return "number" if any(c.isdigit() for c in text) else "no-letter"
    if _WORDNET_ID.fullmatch(text):
        return "wordnet-id"
    if len(letters) == len(text) == 1 and text.lower() != text.upper():
        return "letter"
    if found := _WORD_AND_NUMBER.fullmatch(text):
        word, number = found[1], found[2]
        if word.casefold() in GENERIC:
            return "placeholder"
        if len(word) == 1 and (word.islower() or (number[0] == "0" and len(number) > 1)):
            return "placeholder"
        if word.casefold() in _CODE_WORDS or len(number) > 4:
            return "code"
    if (found := _NUMBER_AND_WORD.fullmatch(text)) and found[1].casefold() in GENERIC:
        return "placeholder"
    if (found := _GENERIC_LETTER.fullmatch(text)) and found[1].casefold() in GENERIC:
        return "placeholder"
    return "code" if _is_code(text) else ""


def _is_code(text: str) -> bool:
    """True if a name without spaces mixes letters and digits like a hash or a serial number."""
    if _HEX.fullmatch(text.casefold()):
        return True
    together = re.sub("[_-]", "", text)
    mixed = len(_SWITCH.findall(together))
    if not together.isalnum() or len(together) < 6 or text.count("-") == 1:
        return False
    digits = sum(letter.isdigit() for letter in together)
    return mixed > 2 or (mixed == 2 and digits > 3)


def _counting(names: Sequence[str]) -> list[int]:
    """Indices of names with one letter and a running number from 0 or 1: `C1, C2, C3`. A single
    `F16` is not one: it is an aircraft.
    """
    runs: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for i, name in enumerate(names):
        found = _WORD_AND_NUMBER.fullmatch(name.strip())
        if found and len(found[1]) == 1 and not found[3] and len(found[2]) < 6:
            runs[found[1]][int(found[2])] = i
    return [
        i
        for numbers in runs.values()
        if len(numbers) > 1 and max(numbers) - min(numbers) == len(numbers) - 1 and min(numbers) < 2
        for i in numbers.values()
    ]
