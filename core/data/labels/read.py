"""Reads one label file: decodes its text, recognises the table or the tool, returns its rows."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from core.data.labels.columns import MOST_COLUMNS, LabelTable, read_grid
from core.data.labels.exports import read_json, read_xml
from core.data.labels.matching import LabelScope
from core.data.labels.rows import LabelRow, NoLabels, are_numbers, whole
from core.data.zipnames import guessed_encoding

LARGEST_BYTES = 32 * 1024**2
"""The largest label file; a million rows need less."""
Separated = Callable[[Iterable[str]], Iterator[list[str]]]
_SAMPLE_LINES = 300
_BETWEEN_CELLS = re.compile(rb'[\r\n\t,;"]')
"""Separators whose bytes are never part of a two-byte East Asian character; `|` can be."""
_LONGEST_CELL = 200
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class LabelFile:
    """A file that names images and their classes."""

    path: str
    rows: tuple[LabelRow, ...]
    source: str
    """The source of the labels, such as `column 'label'` or `Label Studio`."""
    sure: bool
    """True if the file shows that these are labels and not other facts about the images."""
    encoding: str | None = None
    """Title of the guessed encoding; None for UTF-8."""

    @property
    def has_numbers(self) -> bool:
        """True if all labels are numbers."""
        return are_numbers({label for row in self.rows for label in row.labels})


def read_label_file(path: str, data: bytes, scope: LabelScope) -> LabelFile:
    """Reads a label file whose images are in `scope`. Raises `NoLabels` for any other file."""
    suffix = path.rpartition(".")[2].lower()
    if suffix == "xml":
        found, encoding = read_xml(data), None
    else:
        text, encoding = decoded(data)
        if suffix in ("json", "jsonl", "ndjson", "manifest") and text.lstrip()[:1] in ("[", "{"):
            found = read_json(_documents(text), scope.find)
        else:
            found = _read_text(text, scope.find)
    if not any(row.labels for row in found.rows):
        raise NoLabels("none of its rows has a label")
    if not any(scope.find(row.file) for row in found.rows):
        raise NoLabels("none of its rows names an existing image")
    return LabelFile(path, _tidied(found.rows), found.column, found.sure, encoding)


def decoded(data: bytes) -> tuple[str, str | None]:
    """(text of a file, title of its likeliest encoding or None for UTF-8)."""
    for mark, name in _BOMS.items():
        if data.startswith(mark):
            return data[len(mark) if name == "utf-8" else 0 :].decode(name, "replace"), None
    if b"\0" in data:
        raise NoLabels("it is not text")
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError:
        cells = dict.fromkeys(cell.strip() for cell in _BETWEEN_CELLS.split(data))
        told = [cell for cell in cells if not cell.isascii() and len(cell) <= _LONGEST_CELL]
        encoding, title = guessed_encoding(told or [data[:_LONGEST_CELL]])
        return data.decode(encoding, "replace"), title


def _documents(text: str) -> object:
    """Parses a JSON document, or JSON Lines as a list."""
    try:
        return json.loads(text)
    except RecursionError:
        raise NoLabels("it is nested too deep") from None
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except RecursionError:
        raise NoLabels("it is nested too deep") from None
    except ValueError as error:
        raise NoLabels(f"it is not valid JSON ({error})") from None


def _read_text(text: str, find: Callable[[str], str | None]) -> LabelTable:
    """Reads a table with the separator under which most cells name images."""
    text = re.sub(r"\A\s*sep=.\r?\n", "", text)  # Excel's
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise NoLabels("it is empty")
    best, most = None, 0
    for separated in _SEPARATED:
        try:
            sample = list(separated(lines[:_SAMPLE_LINES]))
        except csv.Error:
            continue
        width = max(map(len, sample))
        if width > MOST_COLUMNS:
            continue
        named = [sum(bool(find(row[n])) for row in sample if n < len(row)) for n in range(width)]
        if width > 1 and max(named) > most:
            best, most = separated, max(named)
    if best is None:
        # The first lines may name images that are missing, so the header decides.
        header = max((",", ";", "\t"), key=lines[0].count)
        if header not in lines[0]:
            raise NoLabels("none of its first lines names an existing image, with a label")
        best = _by(header)
    try:
        grid = list(best(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise NoLabels(f"it is not a valid table ({error})") from None
    return read_grid(None, [row for row in grid if row], find)


def _by(separator: str) -> Separated:
    def rows(lines: Iterable[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=separator, skipinitialspace=True)

    return rows


def _last_word(lines: Iterable[str]) -> Iterator[list[str]]:
    for line in lines:
        if line.strip():
            yield line.strip().rsplit(None, 1)


def _first_word(lines: Iterable[str]) -> Iterator[list[str]]:
    for line in lines:
        if line.strip():
            yield line.strip().split(None, 1)


_SEPARATED: tuple[Separated, ...] = (
    *(_by(separator) for separator in ",;\t|"),
    _last_word,
    _first_word,
)


def _tidied(rows: tuple[LabelRow, ...]) -> tuple[LabelRow, ...]:
    """Reads `3.0` as `3` if all labels are numbers; `cat;dog` or `cat,dog` are two labels if each
    part is a label of another image.
    """
    if are_numbers({label for row in rows for label in row.labels}):
        return tuple(replace(row, labels=tuple(map(whole, row.labels))) for row in rows)
    alone = {row.labels[0] for row in rows if len(row.labels) == 1}
    listed = {}
    for label in alone:
        parts = tuple(part.strip() for part in re.split(r"[;,]", label))
        if len(parts) > 1 and alone.issuperset(parts):
            listed[label] = parts
    if not listed:
        return rows
    return tuple(
        replace(row, labels=tuple(x for label in row.labels for x in listed.get(label, (label,))))
        for row in rows
    )
