"""Names of WordNet nouns for the ids of ImageNet's class folders (`n02123045` is a tabby).

The ids are offsets into WordNet 3.0. The names are in `assets/wordnet`; `assets/build/wordnet.py`
writes that folder and describes its format.
"""

import lzma
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import NamedTuple

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
