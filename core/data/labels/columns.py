"""Finds the columns of a table that hold the image, the class and the split; returns its rows."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.data.images import is_image_name
from core.data.labels.rows import LabelRow, NoLabels, are_numbers, labels_in
from core.data.names import fold, split_of

Cells = Sequence[str]

_FILES = (
    *("file name", "filename", "file", "filepath", "file path", "path", "relpath", "image path"),
    *("image", "img", "image name", "imagename", "image file", "image id", "imageid", "img id"),
    *("image url", "url", "source ref", "image gcs uri", "imagegcsuri", "name", "id", "key"),
)
_LABELS = (
    *("label", "labels", "class", "class name", "classname", "class label", "classlabel", "choice"),
    *("choices", "category", "categories", "category name", "classification", "species", "breed"),
    *("target", "label name", "label text", "display name", "displayname", "tag", "tags"),
    *("diagnosis", "dx", "variety", "disease", "classes", "ground truth", "gt", "type", "kind"),
    *("genus", "family", "object", "annotation", "y", "sentiment", "style", "label id", "class id"),
    *("klasse", "kategorie", "classe", "catégorie", "categorie", "clase", "categoría"),
    *("categoria", "etiqueta", "étiquette", "etichetta", "kategoria", "klass", "类别", "标签"),
    *("category id", "target id", "class idx", "label idx", "class index"),
)
_SPLITS = ("split", "set", "subset", "partition", "ml use", "usage", "phase", "fold", "data set")
_NO_SPLIT = ("", "unassigned", "unlabeled", "unlabelled")
_YES, _NO = ("1", "1.0", "true"), ("0", "0.0", "false", "")
_VIA = ("file attributes", "region attributes")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_SHOWN = 8
_ENOUGH_ROWS = 2000
MOST_COLUMNS = 5000
_MOST_CELLS = 50_000_000


@dataclass(frozen=True)
class LabelTable:
    """The rows that were read from a table or an export, and where the labels were found."""

    rows: tuple[LabelRow, ...]
    column: str
    """The source of the labels, such as `column 'label'`."""
    sure: bool
    """True if the name of the column or the form of the file shows that these are labels."""


def read_grid(
    header: Cells | None, grid: Sequence[Cells], find: Callable[[str], str | None]
) -> LabelTable:
    """Reads a table. `find` returns the image that a cell names. If `header` is None, the first row
    may be a header. Raises `NoLabels`.
    """
    grid = [row for row in grid if any(cell.strip() for cell in row)]
    width = max((len(row) for row in grid), default=0)
    check_size(width, len(grid))
    grid = [[*row, *[""] * (width - len(row))] for row in grid]
    named = [_name(cell) for cell in header] if header is not None else []
    file = _file_column(named, grid, find)
    if header is None and _is_header(grid, file, find):
        header, grid = grid[0], grid[1:]
        named = [_name(cell) for cell in header]
        file = _file_column(named, grid, find)
    if header is None and all(_NUMBER.fullmatch(row[file].strip()) for row in grid):
        raise NoLabels("it holds numbers, and no names of columns")
    others = [n for n in range(width) if n != file]
    split = _split_column(named, grid, others)
    others = [n for n in others if n != split]
    if not others:
        raise NoLabels("it names images and nothing else")
    chosen = _label_column(named, grid, others)
    if isinstance(chosen, list):
        labels = _one_hot(header or (), grid, chosen)
        column, sure = f"{len(chosen)} columns, one a class", True
    elif header is None:
        labels = [_words(row, others) for row in grid]
        column, sure = f"column {others[0] + 1}", True
    else:
        labels = [_labels(named, row, chosen) for row in grid]
        column, sure = f"column '{header[chosen].strip()}'", named[chosen] in (*_LABELS, *_VIA)
    rows = tuple(
        LabelRow(row[file].strip(), found, row[split].strip() if split is not None else "")
        for row, found in zip(grid, labels, strict=True)
        if row[file].strip()
    )
    return LabelTable(rows, column, sure)


def check_size(columns: int, rows: int) -> None:
    """Raises `NoLabels` for a table that would need gigabytes with every column in every row."""
    if columns > MOST_COLUMNS or columns * rows > _MOST_CELLS:
        raise NoLabels(f"it has {columns} columns in {rows} rows, too many for a table of labels")


def _name(cell: str) -> str:
    """The normalised name of a column; of `ground_truth.label` only the last part."""
    return fold(re.split(r"[./:]", cell.strip().strip("'\""))[-1])


def _file_column(named: Sequence[str], grid: Sequence[Cells], find: Callable[..., object]) -> int:
    if not grid:
        raise NoLabels("it has no rows")
    # A sample of the rows is enough. If it names no image, all rows are searched.
    for rows in (grid[:: len(grid) // _ENOUGH_ROWS + 1], grid):
        counts = [sum(bool(find(row[n])) for row in rows if row[n]) for n in range(len(rows[0]))]
        most = max(counts)
        if most:
            break
    else:
        raise NoLabels("none of its rows names an existing image")
    best = [n for n, count in enumerate(counts) if 10 * count >= 9 * most]
    ranks = {n: _FILES.index(named[n]) for n in best if n < len(named) and named[n] in _FILES}
    if ranks:
        return min(ranks, key=ranks.__getitem__)
    # A column of numbers is often a row count that matches images named `1.jpg`, `2.jpg`. So a
    # column with file names wins.
    return max(best, key=lambda n: (sum(is_image_name(row[n].strip()) for row in rows), -n))


def _is_header(grid: Sequence[Cells], file: int, find: Callable[..., object]) -> bool:
    """True if the first row is a header: known column names, or words that appear only there."""
    row, *others = grid
    if find(row[file]) or is_image_name(row[file].strip()) or not others:
        return False
    if any(_name(cell) in (*_FILES, *_LABELS, *_SPLITS) for cell in row):
        return True
    again = any(one == two for other in others for one, two in zip(row, other, strict=True))
    return bool(row[file]) and not again


def _split_column(named: Sequence[str], grid: Sequence[Cells], others: Sequence[int]) -> int | None:
    """The column that gives train, val or test for every image; None without one."""
    for n in others:
        if named and named[n] not in _SPLITS:
            continue
        values = {fold(row[n]) for row in grid}
        if any(map(split_of, values)) and all(v in _NO_SPLIT or split_of(v) for v in values):
            return n
    return None


def _label_column(
    named: Sequence[str], grid: Sequence[Cells], others: Sequence[int]
) -> int | list[int]:
    """The column of labels, or the one-hot columns that have a 1 for images of their class."""
    if not named:
        return others[0]
    via = [n for n in others if named[n] in _VIA]
    if via:
        return via[0]
    known = [n for n in others if named[n] in _LABELS and "predict" not in named[n]]
    filled = [n for n in known if any(row[n].strip() for row in grid)]
    if known and not filled:
        raise NoLabels("none of its rows has a label")
    if known := filled:
        # If labels are given both as numbers and as names, the names go into prompts.
        said = {n: {label for row in grid for label in labels_in(row[n])} for n in known}
        words = [n for n in known if not are_numbers(said[n])]
        return min(words or known, key=lambda n: _LABELS.index(named[n]))
    binary = [n for n in others if {row[n].strip().lower() for row in grid} <= {*_YES, *_NO}]
    if len(binary) > 1:
        return binary
    columns = {n: [row[n].strip() for row in grid] for n in others}
    if len(others) == 1 and _has_groups(columns[others[0]], numbers=True):
        return others[0]
    groups = [n for n, values in columns.items() if _has_groups(values)]
    if len(groups) == 1:
        return groups[0]
    shown = ", ".join(f"'{named[n]}'" for n in others[:_SHOWN])
    raise NoLabels(f"none of its columns ({shown}) is called label, class or category")


def _has_groups(values: Sequence[str], numbers: bool = False) -> bool:
    """True if a column has few different words (or whole numbers), on average twice or more."""
    counts = Counter(value for value in values if value)
    words = not all(_NUMBER.fullmatch(value) for value in counts)
    fit = words or (numbers and are_numbers(counts))
    return fit and len(counts) > 1 and 2 * len(counts) <= counts.total()


def _one_hot(header: Cells, grid: Sequence[Cells], columns: Sequence[int]) -> list[tuple[str, ...]]:
    names: Mapping[int, str] = {n: " ".join(header[n].split()) for n in columns}
    return [tuple(names[n] for n in columns if row[n].strip().lower() in _YES) for row in grid]


def _words(row: Cells, others: Sequence[int]) -> tuple[str, ...]:
    """The labels of a row without a header: its words, without the coordinates of boxes."""
    cells = [row[n].strip() for n in others if row[n].strip()]
    words = [cell for cell in cells if not _NUMBER.fullmatch(cell)]
    return labels_in(words or cells[:1])


def _labels(named: Sequence[str], row: Cells, column: int) -> tuple[str, ...]:
    if named[column] in _VIA:
        both = (labels_in(row[n]) for n, name in enumerate(named) if name in _VIA)
        return next((found for found in both if found and found != ("{}",)), ())
    return labels_in(row[column])
