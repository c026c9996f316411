"""What WordNet calls the nouns whose ids ImageNet's class folders bear (`n02123045` is a tabby).

The ids are offsets into WordNet 3.0. `assets/wordnet` has the names; `assets/build/wordnet.py`
writes it and says what it holds.
"""

import lzma
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from core.embedded import assets


class _Nouns(NamedTuple):
    """Columns: a noun is at the same place in each."""

    offsets: list[int]
    names: list[str]
    """One or two, with a comma between."""
    above: list[int]
    """The place of what it is a kind of; its own place where there is nothing."""


def names_of(offset: int) -> Iterator[str]:
    """What the noun at an offset may be called, the best name first, each telling more than the
    one before: `crane`, `crane (wading bird)`. Nothing for an offset that is no noun.
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
