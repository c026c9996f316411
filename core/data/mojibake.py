"""Names that were written in one encoding and read in another: `caf├⌐`, and what they must be.

One name is judged alone. Where a whole zip can be, `core.data.zipnames` does it better.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

_SEEN = ("cp1252", "latin-1", "cp437", "cp850", "mac_roman", "cp1250", "cp1251", "cp866", "cp932")
"""What UTF-8 is commonly taken for."""
_MEANT = ("cp1252", "cp437", "cp850", "cp1251", "cp866", "cp932", "gbk", "cp949")
"""What else is taken for the first of them."""
_LATIN = ("cp437", "cp850", "cp1252", "latin-1")
_DOS = ("cp437", "cp850")
_ODD = re.compile(
    "[\u0080-\u009f\u2500-\u259f\ufffd\ue000-\uf8ff\ud800-\udfff¬¤¦¨¯¸¶†‡ˆ˜ƒ⌐∩≡⌠⌡∙√ⁿ‰]"
    "|[^\\W\\d_][‚„]"  # an opening quote behind a letter
    "|[a-zà-ÿ][ŠŽŸŒ]"
    "|[À-ÖØ-öø-ÿ]{3}"
    "|\\S[¿¡]"
)
"""What no name holds, and wrong readings do."""
_ESCAPED = re.compile("#U([0-9a-fA-F]{4})")
"""How `unzip` writes a letter that its locale does not have."""
_EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
_OTHER_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")


def is_garbled(name: str) -> bool:
    """Whether a name looks as if it was read in a wrong encoding."""
    name = unicodedata.normalize("NFC", name)
    return bool(_ODD.search(name) or _mixes_scripts(name) or reading(name))


def reading(name: str) -> str | None:
    """What a garbled name must have been, where it decodes cleanly; None for any other name."""
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
        # Two letters of East Asia are four bytes or more: in one alone chance may have its hand.
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
    """What a name was before somebody read it as `seen`; None where nobody can have."""
    escaped = any("\udc80" <= letter <= "\udcff" for letter in name)
    try:
        if escaped:  # Python could not read it, and kept the bytes
            return name.encode("utf-8", "surrogateescape")
        if seen == "cp1252":  # Windows takes what it leaves undefined for control characters
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
    """Whether a text is made of letters of one script a word, and of what stands between them."""
    usual = all(_is_usual(c) or c in " _-.,'’()&+!/" for c in text)
    cases = any(a.islower() and b.isupper() and not b.isascii() for a, b in pairwise(text))
    return usual and not cases and not _ODD.search(text) and not _mixes_scripts(text)


def _is_usual(letter: str) -> bool:
    """A digit, or a letter that a living language writes."""
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
    """Whether one word holds letters of Latin, Greek and Cyrillic, or East Asian ones among
    accented ones: no language writes so.
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
