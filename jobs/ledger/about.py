"""The name, note and tags that a person gives a run. They do not change what is computed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from core.errors import UserError
from core.params import JsonObject
from jobs.ledger.job import Job

LONGEST_NAME = 80
LONGEST_NOTE = 2000
LONGEST_TAG = 30
MOST_TAGS = 12
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class About:
    """Name, note and tags of a run, each empty where nobody gave one."""

    name: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Self:
        """As the ledger keeps it."""
        kept = kept or {}
        return cls(kept.get("name", ""), kept.get("note", ""), tuple(kept.get("tags", ())))

    def to_json(self) -> JsonObject:
        """As the ledger keeps it."""
        return {**asdict(self), "tags": list(self.tags)}

    def changed(
        self,
        name: str | None = None,
        note: str | None = None,
        tags: str | Iterable[str] | None = None,
    ) -> Self:
        """With some of it changed; None leaves a part as it is. Tags may be one text with commas.

        Raises `UserError` for what is too long.
        """
        given = tags.split(",") if isinstance(tags, str) else tags
        listed = (
            self.tags if given is None else tuple(filter(None, dict.fromkeys(map(_line, given))))
        )
        new = replace(
            self,
            name=self.name if name is None else _line(name),
            note=self.note if note is None else _text(note),
            tags=listed,
        )
        _check("name", len(new.name), LONGEST_NAME)
        _check("note", len(new.note), LONGEST_NOTE)
        for tag in new.tags:
            _check("tag", len(tag), LONGEST_TAG)
        if len(new.tags) > MOST_TAGS:
            raise UserError(
                f"tags: a run may have {MOST_TAGS}, got {len(new.tags)}. Leave some out."
            )
        return new


def told_by(job: Job) -> Iterable[str]:
    """The texts of a job that a search looks at; the page adds its titles."""
    about, config = About.of(job.about), job.config
    return (
        *(about.name, about.note, *about.tags, job.id),
        *(str(config.get(name, "")) for name in ("method", "data", "model")),
    )


def matches(query: str, texts: Iterable[str | None]) -> bool:
    """True if every word of a search is in one of the texts, ignoring case."""
    said = "\n".join(filter(None, texts)).casefold()
    return all(word in said for word in query.casefold().split())


def _line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def _text(text: str) -> str:
    return _CONTROL.sub("", text.replace("\r\n", "\n")).strip()


def _check(what: str, length: int, most: int) -> None:
    if length > most:
        raise UserError(f"{what}: at most {most} characters, got {length}. Shorten it.")
