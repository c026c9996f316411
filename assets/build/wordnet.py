"""Write assets/wordnet/nouns.txt.xz: what the nouns of WordNet 3.0 are called, by their offset.

Run `python assets/build/wordnet.py` on Debian, whose package `wordnet-base` is WordNet 3.0: the ids
of ImageNet are offsets into that version's `data.noun`, and no other version has them.

The file holds three columns, one after the other, each a line a noun in the order of the offsets:
how far the offset lies behind the one before (hexadecimal), at most two names (the better one
first, a comma between), and how many lines further up what it is a kind of stands (0 for nothing).
Instances (persons, places: 7,730 of 82,115) are left out, since no class folder is one.
"""

from __future__ import annotations

import lzma
import re
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from sources import ASSETS, archive

OUT = ASSETS / "wordnet" / "nouns.txt.xz"
NAMES = 2


class Noun(NamedTuple):
    """A line of `data.noun`: its lemmas, the offset of what it is a kind of, whether it is an
    instance.
    """

    lemmas: list[str]
    kind_of: str
    is_instance: bool


def read() -> tuple[dict[str, Noun], dict[str, str]]:
    """Nouns by offset, and the offset of the first sense of every lemma (in lower case)."""
    deb = archive("wordnet")
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, capture_output=True)
    with tarfile.open(fileobj=BytesIO(tar.stdout)) as files:
        data, index = (
            files.extractfile(f"./usr/share/wordnet/{name}.noun").read().decode("ascii")
            for name in ("data", "index")
        )
    return dict(_nouns(data)), dict(_first_senses(index))


def _nouns(text: str) -> Iterator[tuple[str, Noun]]:
    for line in text.splitlines():
        if line.startswith(" "):  # the licence
            continue
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        pointers = fields[5 + 2 * count :]
        above = [(pointers[n], pointers[n + 1]) for n in range(0, len(pointers) - 1, 4)]
        kinds = [offset for sign, offset in above if sign == "@"]
        instance = any(sign == "@i" for sign, _ in above)
        lemmas = fields[4 : 4 + 2 * count : 2]
        yield fields[0], Noun(lemmas, kinds[0] if kinds else "", instance)


def _first_senses(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if not line.startswith(" "):
            fields = line.split()
            yield fields[0], fields[6 + int(fields[3])]


def names(offset: str, noun: Noun, first: dict[str, str]) -> list[str]:
    """The names of a noun, the best one first: the first lemma, unless that mostly means something
    else and another one makes it longer (`mouse`: `computer mouse`; `hip`: `rose hip`).
    """
    lemmas = [lemma.replace("_", " ") for lemma in noun.lemmas]
    if first[noun.lemmas[0].lower()] != offset:
        parts = _parts(lemmas[0])
        longer = next((lemma for lemma in lemmas[1:] if parts < _parts(lemma)), lemmas[0])
        lemmas.sort(key=lambda lemma: lemma != longer)
    return lemmas[:NAMES]


def _parts(name: str) -> set[str]:
    return set(re.split("[ -]", name.lower()))


def build() -> bytes:
    """The bytes of the file."""
    nouns, first = read()
    kept = sorted(offset for offset, noun in nouns.items() if not noun.is_instance)
    line = {offset: number for number, offset in enumerate(kept)}
    before = 0
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    for number, offset in enumerate(kept):
        noun = nouns[offset]
        columns[0].append(f"{int(offset) - before:x}")
        columns[1].append(",".join(names(offset, noun, first)))
        columns[2].append(str(number - line.get(noun.kind_of, number)))
        before = int(offset)
    text = "\n\n".join("\n".join(column) for column in columns)
    return lzma.compress(text.encode("ascii"), preset=9 | lzma.PRESET_EXTREME)


if __name__ == "__main__":
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(build())
    print(f"{OUT.relative_to(ASSETS)}: {OUT.stat().st_size:,} bytes")
