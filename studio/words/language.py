"""The language in which a sentence is said: that of whoever is being answered.

`words.Train.title` is a plain string wherever it stands; which one is decided when it is read.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

Table = str | Mapping[str, Any] | tuple[Any, ...]
"""A sentence, or several of them by key or in their order."""

FIRST = "en"
"""The language in which sentences are written first: what the others lack is said in it."""
KEYS = "keys"
"""No language: instead of each sentence its key, for what is built once and read by everybody."""
COOKIE = "ek-language"
"""What a visitor has chosen in the header."""
LANGUAGES = {FIRST: "English"}
"""What can be chosen, and how each calls itself."""

_spoken: ContextVar[str] = ContextVar("language", default=FIRST)
_marked: dict[str, "_Sentence"] = {}
"""By key, what was read as its key."""


class Sentences:
    """Base of the classes of words: each of their attributes follows the language."""

    def __init_subclass__(cls) -> None:
        for name, said in list(vars(cls).items()):
            if not name.startswith("_"):
                setattr(cls, name, _Sentence(f"{cls.__name__}.{name}", said))


class _Sentence:
    """An attribute of a class, in every language that has it."""

    def __init__(self, key: str, first: Table) -> None:
        self.key = key
        self.said = {FIRST: first}

    def __get__(self, _of: object, _owner: type) -> Any:  # hot: every word of a page
        said = self.said.get(_spoken.get())
        return self._otherwise() if said is None else said

    def _otherwise(self) -> Table:
        """The key where keys are asked for, and in a language that lacks it the first one's."""
        if _spoken.get() != KEYS:
            return self.said[FIRST]
        _marked[self.key] = self
        return each(self.said[FIRST], marker, self.key)


def speak(language: str) -> None:
    """Say everything in this language from here on, until the request is answered."""
    _spoken.set(language)


def spoken() -> str:
    """The language that is spoken now."""
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Another language for a while."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def teach(language: str, title: str, catalogue: ModuleType) -> None:
    """Add a language: classes with the names of ours, whose attributes are its sentences."""
    LANGUAGES[language] = title
    for cls in Sentences.__subclasses__():
        translated = vars(getattr(catalogue, cls.__name__, object))
        for name, sentence in vars(cls).items():
            if isinstance(sentence, _Sentence) and name in translated:
                sentence.said[language] = _over(sentence.said[FIRST], translated[name])


def sentences(language: str) -> dict[str, str]:
    """What was read as its key so far: key to sentence."""
    found: dict[str, str] = {}
    with speaking(language):
        for key, sentence in _marked.items():
            each(sentence.__get__(None, Sentences), found.__setitem__, key)
    return found


def marker(key: str, _said: str = "") -> str:
    """What stands for a sentence on a page that is built once: as `gr.I18n` writes it."""
    return f'__i18n__{{"__type__": "translation_metadata", "key": "{key}"}}'


def each(said: Table, change: Callable[[str, str], Any], key: str = "") -> Any:
    """The same table with `change(key, sentence)` for every sentence of it."""
    if isinstance(said, Mapping):
        return {name: each(one, change, f"{key}.{name}") for name, one in said.items()}
    if isinstance(said, tuple):
        return tuple(each(one, change, f"{key}.{i}") for i, one in enumerate(said))
    return change(key, said)


def preferred(cookie: str | None, accepted: str) -> str:
    """What a visitor reads: as they chose it, else what their browser asks for first and we have.

    `accepted` is the header Accept-Language, `de-AT,de;q=0.9,en;q=0.8`.
    """
    if cookie in LANGUAGES:
        return cookie
    known = [tag for tag in _by_quality(accepted) if tag in LANGUAGES]
    return known[0] if known else FIRST


def _by_quality(accepted: str) -> list[str]:
    found = []
    for part in accepted.split(",")[:20]:
        tag, _, quality = part.partition(";q=")
        try:
            found.append((-float(quality or 1), tag.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    return [tag for _, tag in sorted(found, key=lambda one: one[0])]


def _over(first: Table, said: Table) -> Table:
    """A translated table, with the first language's sentences where it has none."""
    if isinstance(first, Mapping) and isinstance(said, Mapping):
        return {
            name: _over(one, said[name]) if name in said else one for name, one in first.items()
        }
    return said
