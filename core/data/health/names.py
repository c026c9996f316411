"""Checks that class names are words, because prompts and zero-shot depend on them."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from core.data import mojibake
from core.data.class_names import class_names
from core.data.dataset import Dataset
from core.data.health.codes import kinds_of
from core.data.health.findings import Finding
from core.data.names import fold
from core.data.prompts import display_name, prompts_for
from core.data.zipnames import other_readings
from core.results.untrained import NamesAsRead


class Tokenize(Protocol):
    """A text tower's tokenizer."""

    def __call__(self, prompts: Sequence[Sequence[str]], length: int | None = None) -> Any:
        """`[C][T] → (C, T, L)`: token ids, cut to `length`; by default the tower's own length."""


_SHOWN = 5
_LONGEST_TEMPLATE = 512
_LONGEST = 8
"""Names are compared up to this multiple of the tower's length."""
_KINDS: Mapping[str, tuple[str, str]] = {
    "wordnet-id": ("a WordNet id", "WordNet ids"),
    "number": ("a number", "numbers"),
    "letter": ("a single letter", "single letters"),
    "placeholder": ("a placeholder", "placeholders"),
    "code": ("a code", "codes"),
    "garbled": ("garbled: read in a wrong encoding",) * 2,
    "no-letter": ("without a letter",) * 2,
}
"""Kind of a name to its text in a sentence, singular and plural, in the order of the sentence."""


def worded(dataset: Dataset) -> Iterator[Finding]:
    """Findings about names that are not words, names read out of codes, and similar names."""
    kinds = kinds_of(dataset.names)
    offers = proposals(dataset.names, kinds)
    columns = zip(dataset.classes, dataset.names, offers, kinds, strict=True)
    wrong = [row for row in columns if row[3]]
    if wrong:
        yield _no_words(wrong, len(dataset.classes))
    yield from _read_otherwise(dataset)
    told = [
        row
        for row in zip(dataset.classes, dataset.own_names, dataset.names, strict=True)
        if row[0] not in dataset.named_by_hand and row[1] != row[2]
    ]
    if told:
        yield _in_words(told, len(dataset.classes))
    groups = _named(_groups([fold(name) for name in dataset.names]), dataset.names)
    alike = [group for group in groups if len(set(group)) > 1]  # equal names have a warning already
    if alike:
        yield _alike(alike, "except for case and spaces")
    if not (wrong or told or alike):
        yield Finding("class-names", "pass", "Every class name is made of words")


def proposals(names: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """The words that each code may stand for; `""` for words and for unknown codes."""
    given = [None if kind else name for name, kind in zip(names, kinds, strict=True)]
    words = [
        (mojibake.reading(name) if kind == "garbled" else read) or ""
        for name, kind, read in zip(names, kinds, class_names(names, given), strict=True)
    ]
    taken = Counter(map(fold, filter(None, [*words, *names])))
    return [
        word if word != name and taken[fold(word)] == 1 and not kind else ""
        for word, name, kind in zip(words, names, kinds_of(words), strict=True)
    ]


def _read_otherwise(dataset: Dataset) -> Iterator[Finding]:
    """Findings that offer other readings of names from a zip without a declared encoding."""
    ours = [name for name in dataset.classes if name not in dataset.named_by_hand]
    if not dataset.zip_names:
        return
    called = dict(zip(dataset.classes, dataset.names, strict=True))
    for number, (title, texts) in enumerate(other_readings(ours, dataset.zip_names)):
        told = [(name, called[name], display_name(text)) for name, text in texts.items()]
        yield Finding(
            f"zip-names-{number}",
            "pass",  # not a problem: a person decides if these names are words
            f"The names in the zip, read as {title} instead of {dataset.zip_names}",
            "The zip declares no encoding. Use these names if they are real words.",
            names=tuple(told),
        )


def _no_words(wrong: Sequence[tuple[str, str, str, str]], count: int) -> Finding:
    """The finding about names that are not words: (folder, name, proposal or `""`, kind)."""
    by_kind = {k: [name for _, name, _, kind in wrong if kind == k] for k in _KINDS}
    said = [
        f"{_listed(names)} ({_KINDS[kind][len(names) > 1]})"
        for kind, names in by_kind.items()
        if names
    ]
    meant = [f"'{name}' may be '{words}'" for _, name, words, _ in wrong if words]
    number = "is not a word" if len(wrong) == 1 else "are not words"
    return Finding(
        "class-names",
        "warning",
        f"{len(wrong)} of {count} class names {number}",
        f"{'; '.join(said)}. CLIP knows a class by its name alone before training, and the prompt "
        f"'a photo of a {wrong[0][1]}.' means nothing to it. Name each class as a person would, in "
        f"dataset.yaml under classes or on the Data page."
        + (f" {_listed(meant)}." if meant else ""),
        names=tuple(row[:3] for row in wrong),
    )


def _in_words(told: Sequence[tuple[str, str, str]], count: int) -> Finding:
    what = [f"'{folder}' is called '{name}'" for folder, _, name in told]
    return Finding(
        "class-names-read",
        "warning",
        f"{len(told)} of {count} class names {'was' if len(told) == 1 else 'were'} read out of the "
        "folder's name" + ("" if len(told) == 1 else "s"),
        f"{_listed(what)}. Check that the words are right. Names under classes in dataset.yaml "
        "have priority.",
        names=tuple(told),
    )


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


# Names as a text tower reads them -----------------------------------------------------------------


def read_by(names: Sequence[str], templates: Sequence[str], tokenize: Tokenize) -> NamesAsRead:
    """Reads the names with a text tower's own tokenizer and finds names that it cannot tell apart.

    The text before a name in a template takes room from the name. So two templates are read: the
    ones with the fewest and with the most tokens before the name.
    """
    before = [template.partition("{}")[0] for template in templates]
    rows = np.asarray(tokenize([before], _LONGEST_TEMPLATE))[0]
    room = (rows != rows[:, -1:]).sum(axis=1)  # tokens before the padding
    short, long = templates[int(np.argmin(room))], templates[int(np.argmax(room))]
    tokens = np.asarray(tokenize(prompts_for(names, [short, long])))  # (C, 2, L)
    length = tokens.shape[-1]
    starts = [[long.partition("{}")[0] + name] for name in names]
    whole = np.asarray(tokenize(starts, _LONGEST * length))[:, 0]  # (C, 8 L)
    seen = np.asarray(tokenize(starts))[:, 0]
    padded = (whole[:, length:] == whole[:, -1:]).all(axis=1)
    fits = padded & (whole[:, :length] == seen).all(axis=1)
    return NamesAsRead(
        length=length,
        alike=_named(_groups([row.tobytes() for row in tokens[:, 0]]), names),
        alike_in_long=_named(_groups([row.tobytes() for row in tokens[:, 1]]), names),
        cut=tuple(name for name, whole in zip(names, fits.tolist(), strict=True) if not whole),
    )


def unseen_by(found: NamesAsRead, model: str) -> Iterator[Finding]:
    """Findings about names that a text tower cannot tell apart, or that it cuts. `model` is its
    name.
    """
    if found.alike:
        all_cut = {*found.cut} >= {name for group in found.alike for name in group}
        why = f"in the first {found.length} tokens, which is all that {model} reads of a prompt"
        yield _alike(found.alike, why if all_cut else f"to the tokenizer of {model}")
    elif found.alike_in_long:
        why = f"in the first {found.length} tokens of the longest template"
        yield _alike(found.alike_in_long, f"{why}, which is all that {model} reads", _IN_ONE)
    alike = {name for group in (*found.alike, *found.alike_in_long) for name in group}
    if cut := [name for name in found.cut if name not in alike]:
        one = len(cut) == 1
        yield Finding(
            "class-names-cut",
            "warning",
            f"{len(cut)} class {'name is' if one else 'names are'} longer than the model reads",
            f"{_listed([_brief(name) for name in cut])}. {model} reads {found.length} tokens of a "
            "prompt, the template included, and cuts the rest. Put the words that distinguish the "
            "class first, and remove the others.",
        )


def notes(names: Sequence[str], read: NamesAsRead) -> tuple[str, ...]:
    """Sentences about problems with class names, for a zero-shot measurement."""
    kinds = kinds_of(names)
    rows = [(name, name, "", kind) for name, kind in zip(names, kinds, strict=True) if kind]
    found = [*([_no_words(rows, len(names))] if rows else []), *unseen_by(read, "the model")]
    return tuple(f"{finding.title}: {finding.detail}" for finding in found)


_IN_ALL = "No model can tell these classes apart by name: zero-shot always answers the same one."
_IN_ONE = "With such a template, the prompts of these classes are the same."


def _alike(groups: Sequence[Sequence[str]], why: str, so: str = _IN_ALL) -> Finding:
    shown = "; ".join(" = ".join(_brief(name) for name in group[:3]) for group in groups[:_SHOWN])
    count = sum(map(len, groups))
    return Finding(
        "class-names-alike",
        "warning",
        f"{count} class names are the same {why}",
        f"{shown}. {so} Give them names that differ, at the beginning if they are long.",
    )


def _groups(keys: Iterable[Hashable]) -> list[list[int]]:
    """Groups of indices with equal keys, of two or more."""
    places: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        places[key].append(place)
    return [group for group in places.values() if len(group) > 1]


def _named(groups: Iterable[Iterable[int]], names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(names[place] for place in group) for group in groups)


def _brief(name: str) -> str:
    """A name in quotes, without the middle of a long one."""
    return f"'{name}'" if len(name) <= 60 else f"'{name[:30]} … {name[-25:]}'"
