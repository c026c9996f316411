"""Detects and repairs names that were written in one encoding and read in another: `caf├⌐`.

Each name is judged alone. For all names of a zip together, `core.data.zipnames` is better.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

_SEEN = ("cp1252", "latin-1", "cp437", "cp850", "mac_roman", "cp1250", "cp1251", "cp866", "cp932")
"""Encodings that UTF-8 is often misread as."""
_MEANT = ("cp1252", "cp437", "cp850", "cp1251", "cp866", "cp932", "gbk", "cp949")
"""Other encodings that are often misread as one of `_LATIN`."""
_LATIN = ("cp437", "cp850", "cp1252", "latin-1")
_DOS = ("cp437", "cp850")
_ODD = re.compile(
    "[\u0080-\u009f\u2500-\u259f\ufffd\ue000-\uf8ff\ud800-\udfff¬¤¦¨¯¸¶†‡ˆ˜ƒ⌐∩≡⌠⌡∙√ⁿ‰]"
    "|[^\\W\\d_][‚„]"  # an opening quote behind a letter
    "|[a-zà-ÿ][ŠŽŸŒ]"
    "|[À-ÖØ-öø-ÿ]{3}"
    "|\\S[¿¡]"
)
"""Characters that are in misread names and not in real ones."""
_ESCAPED = re.compile("#U([0-9a-fA-F]{4})")
"""The escape that `unzip` writes for a letter that its locale lacks."""
_EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
_OTHER_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")


def is_garbled(name: str) -> bool:
    """True if a name looks as if it was read in a wrong encoding."""
    name = unicodedata.normalize("NFC", name)
    return bool(_ODD.search(name) or _mixes_scripts(name) or reading(name))


def reading(name: str) -> str | None:
    """The original of a garbled name, if it decodes cleanly; None for any other name."""
    name = unicodedata.normalize("NFC", name)
    for text in _readings(name):
        if text != name and _is_clean(text):
            return unicodedata.normalize("NFC", text)
    return None


def _readings(name: str) -> Iterator[str]:
    if "%" in name:
        yield unquote(name, errors="replace")
    if _ESCAPED.search(name):
        yield _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)
    if name.isascii():
        return
    for seen in _SEEN:
        text = _decoded(_bytes(name, seen), "utf-8")
        # A single East Asian letter may be chance. Two are four bytes or more, which is evidence.
        if text and (seen != "cp932" or sum(_script(letter) == "CJK" for letter in text) > 1):
            yield text
    kana = [_decoded(_bytes(name, seen), "cp932") for seen in _LATIN]
    odd = _ODD.search(name) or _mixes_scripts(name)
    yield from (text for text in kana if text and len(text) > 1 and _is_kana(text))
    if odd:
        pairs = [(seen, meant) for meant in _MEANT for seen in _LATIN]
        pairs = [pair for pair in pairs if pair[0] != pair[1] and {*pair} != {*_DOS}]
        yield from filter(None, (_decoded(_bytes(name, seen), meant) for seen, meant in pairs))


def _bytes(name: str, seen: str) -> bytes | None:
    """The bytes that give this name when read as `seen`; None if there are none."""
    escaped = any("\udc80" <= letter <= "\udcff" for letter in name)
    try:
        if escaped:  # Python could not decode the name and kept its bytes as surrogates
            return name.encode("utf-8", "surrogateescape")
        if seen == "cp1252":  # Windows reads the undefined bytes of cp1252 as control characters
            return b"".join(
                letter.encode("latin-1" if "\x80" <= letter <= "\x9f" else seen) for letter in name
            )
        return name.encode(seen)
    except UnicodeEncodeError:
        return None


def _decoded(raw: bytes | None, encoding: str) -> str | None:
    if raw is None or raw.isascii():
        return None
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_clean(text: str) -> bool:
    """True if a text has only common letters and punctuation, and one script per word."""
    usual = all(_is_usual(c) or c in " _-.,'’()&+!/" for c in text)
    cases = any(a.islower() and b.isupper() and not b.isascii() for a, b in pairwise(text))
    return usual and not cases and not _ODD.search(text) and not _mixes_scripts(text)


def _is_usual(letter: str) -> bool:
    """True for a digit, or a letter that is used in a living language."""
    phonetic = "\u0250" <= letter <= "\u02ff"
    return (
        unicodedata.category(letter) in ("Lu", "Ll", "Lt", "Lo", "Mn", "Mc", "Nd") and not phonetic
    )


def _is_kana(text: str) -> bool:
    scripts = [_script(letter) for letter in text if not letter.isascii()]
    kana = any("KATAKANA LETTER" in unicodedata.name(c, "") for c in text) or any(
        "HIRAGANA LETTER" in unicodedata.name(c, "") for c in text
    )
    halves = any("HALFWIDTH" in unicodedata.name(c, "") for c in text)
    return kana and not halves and set(scripts) == {"CJK"} and len(scripts) == len(text)


def _mixes_scripts(name: str) -> bool:
    """True if a word mixes Latin, Greek and Cyrillic, or East Asian and accented letters. No
    language does that.
    """
    for word in re.findall(r"[^\W\d_]+", name):
        word = word[1:] if "α" <= word[0] <= "ω" else word  # μm
        scripts = {_script(letter) for letter in word} - {""}
        accented = any(_script(c) == "LATIN" and not c.isascii() for c in word)
        if len(scripts - {"CJK"}) > 1 or (accented and len(scripts) > 1):
            return True
    return False


def _script(letter: str) -> str:
    named = unicodedata.name(letter, "")
    if named.startswith(_EAST_ASIAN):
        return "CJK"
    return next((script for script in _OTHER_SCRIPTS if named.startswith(f"{script} ")), "")
