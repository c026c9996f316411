"""Reads all label files of a data set and merges their labels."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

from core.data.labels import (
    ImageIndex,
    LabelFile,
    NoLabels,
    decoded,
    numbered_names,
    read_label_file,
)
from core.data.layout.domains import words_of
from core.data.names import fold, is_label_name, split_extension, split_of

_MOST_FILES = 60
"""If a folder has more label files than this, each belongs to a single image."""
_NAMES = frozenset(
    {"classes", "labels", "names", "class names", "label names", "categories", "synsets", "words"}
    | {"class list", "obj", "label map", "labels map", "labelmap", "class map", "classnames"}
    | {"class to idx", "idx to class", "id2label", "label2id", "index", "synset words"}
)


@dataclass
class GatheredLabels:
    """The merged labels of all label files."""

    label: dict[str, str] = field(default_factory=dict)
    split: dict[str, str] = field(default_factory=dict)
    """Image to the split in its row."""
    role: dict[str, str] = field(default_factory=dict)
    """Image to the split in the name of its label file."""
    source: dict[str, LabelFile] = field(default_factory=dict)
    several: dict[str, LabelFile] = field(default_factory=dict)
    """Images with more than one label."""
    missing: dict[str, list[str]] = field(default_factory=dict)
    """Label file to the images that it names but that do not exist."""
    lost: set[str] = field(default_factory=set)
    """Labels of rows that name no image."""
    conflicts: list[str] = field(default_factory=list)
    """Images with a different label in a later file."""
    united: dict[str, str] = field(default_factory=dict)
    """Label to the spelling of it that is used instead."""
    not_read: list[tuple[str, str]] = field(default_factory=list)
    """(path, reason) of files that no labels were read from."""

    @property
    def sure(self) -> bool:
        """True if every file shows that its values are labels."""
        return all(file.sure for file in self.files)

    @property
    def files(self) -> list[LabelFile]:
        """The files that gave a label, by path."""
        found = {f.path: f for f in (*self.source.values(), *self.several.values())}
        return [found[path] for path in sorted(found)]


def label_files(paths: Iterable[str]) -> list[str]:
    """The files that may hold labels of many images."""
    by_folder: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        if is_label_name(path):
            folder, _, name = path.rpartition("/")
            by_folder[folder, split_extension(name)[1].lower()].append(path)
    return [path for files in by_folder.values() if len(files) <= _MOST_FILES for path in files]


def gather(paths: Sequence[str], there: ImageIndex, read: Callable[[str], bytes]) -> GatheredLabels:
    """Reads the label files at these paths and merges their labels of existing images."""
    found = GatheredLabels()
    files, scopes, numbers = [], {}, {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        stem = split_extension(name)[0]
        if (
            normalize("NFC", stem).casefold() in there.stems
        ):  # boxes, or a description, of that image
            continue
        try:
            data = read(path)
            scopes[path] = there.near(folder, _role(stem))
            files.append(read_label_file(path, data, scopes[path]))
        except NoLabels as reason:
            found.not_read.append((path, str(reason)))
            if fold(stem).removesuffix(".txt") in _NAMES:
                numbers[path] = _numbers(read, path)
    # The file that names most images comes first; later files do not change its labels.
    count = {f.path: sum(bool(scopes[f.path].find(r.file)) for r in f.rows) for f in files}
    files.sort(key=lambda file: (not file.sure, -count[file.path], file.path))
    for file in files:
        if file.sure or all(other.source == file.source for other in found.files):
            names = _names_for(file, numbers) if file.has_numbers else {}
            _take(file, scopes[file.path].find, names, found)
    _unite_spellings(found)
    return found


def _unite_spellings(found: GatheredLabels) -> None:
    """Merges spellings: `Cat` and `cat` become the spelling that most images have."""
    counts = Counter(found.label.values())
    usual: dict[str, str] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        usual.setdefault(fold(label), label)
    found.united = {label: usual[fold(label)] for label in counts if usual[fold(label)] != label}
    found.label = {image: usual[fold(label)] for image, label in found.label.items()}


def _numbers(read: Callable[[str], bytes], path: str) -> dict[int, str]:
    try:
        return numbered_names(decoded(read(path))[0]) or {}
    except NoLabels:
        return {}


def _names_for(file: LabelFile, numbers: Mapping[str, Mapping[int, str]]) -> dict[str, str]:
    """Number to class name, from the nearest list of names that has all numbers of the file."""
    folder = file.path.rpartition("/")[0]
    above = {path: f"{folder}/".startswith(path.rpartition("/")[0]) for path in numbers}
    near = sorted(numbers, key=lambda path: (not above[path], -path.count("/")))
    used = {int(label) for row in file.rows for label in row.labels}
    for path in near:
        names = dict(numbers[path])
        # Labels 1…n with names numbered 0…n-1: the labels start at 1.
        if used and min(used) == 1 and 0 in names and max(used) == len(names):
            names = {number + 1: name for number, name in names.items()}
        if used <= names.keys():
            return {str(number): name for number, name in names.items()}
    return {}


def _take(
    file: LabelFile,
    find: Callable[[str], str | None],
    names: Mapping[str, str],
    found: GatheredLabels,
) -> None:
    said: dict[str, set[str]] = defaultdict(set)
    role = _role(split_extension(file.path.rpartition("/")[2])[0])
    for row in file.rows:
        image = find(row.file)
        if image is None:
            found.missing.setdefault(file.path, []).append(row.file)
            found.lost |= {names.get(label, label) for label in row.labels}
            continue
        said[image] |= {names.get(label, label) for label in row.labels}
        if split := split_of(row.split):
            found.split.setdefault(image, split)
        if role:
            found.role.setdefault(image, role)
    for image, labels in said.items():
        if image in found.source or image in found.several:
            if image in found.label and labels and labels != {found.label[image]}:
                found.conflicts.append(image)
        elif len(labels) > 1:
            found.several[image] = file
        elif labels:
            (found.label[image],) = labels
            found.source[image] = file


def _role(stem: str) -> str | None:
    """The split in the name of a label file, such as `train`, `val_labels` or `labels.test`."""
    words = words_of(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem)).split()
    return next((role for word in words if (role := split_of(word))), None)
