"""`Folder`, a folder of images, with tests for its kind by its name and its subfolders."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from core.data.names import is_ood_name, is_wrapper_name, matching_class, split_of


@dataclass
class Folder:
    """A folder that holds images, here or further down."""

    path: str
    images: list[str] = field(default_factory=list)
    folders: dict[str, "Folder"] = field(default_factory=dict)
    called: str = ""
    """Its name, if that is not the last part of its path."""
    inside: dict[str, str] = field(default_factory=dict)
    """Image to its path in this folder, for images that a label put here."""

    def all_images(self) -> Iterator[str]:
        """Paths of its own images, then of images in subfolders."""
        yield from self.images
        for folder in self.folders.values():
            yield from folder.all_images()

    def count(self) -> int:
        """The number of images, subfolders included."""
        return sum(1 for _ in self.all_images())

    def down(self, parts: Sequence[str]) -> "Folder":
        """The subfolder at this relative path; it is made if missing."""
        folder = self
        for part in parts:
            inner = f"{folder.path}/{part}" if folder.path else part
            folder = folder.folders.setdefault(part, Folder(inner))
        return folder

    def name_inside(self, path: str) -> str:
        """The path of an image relative to this folder."""
        return self.inside.get(path) or path.removeprefix(f"{self.path}/")

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.called or self.path.rpartition("/")[2]

    @property
    def is_split(self) -> bool:
        """True if it is named like a split and holds folders; a class `train` holds photos."""
        return split_of(self.name) is not None and bool(self.folders)

    @property
    def is_ood(self) -> bool:
        """True if it holds OOD domains."""
        return is_ood_name(self.name) and bool(self.folders)

    @property
    def is_flat_split(self) -> bool:
        """True if it is named like a split or like OOD and holds no folders."""
        name = self.name
        named = split_of(name) is not None or is_ood_name(name)
        return named and not self.folders and not self.inside

    @property
    def is_reserved(self) -> bool:
        """True if it is a split or holds OOD domains."""
        return self.is_split or self.is_ood

    @property
    def holds_train(self) -> bool:
        """True if it contains a training split."""
        return any(f.is_split and split_of(name) == "train" for name, f in self.folders.items())

    @property
    def is_class_of_splits(self) -> bool:
        """True if it holds only splits."""
        return not self.images and all(split_of(name) for name in self.folders)

    @property
    def holds_folders(self) -> bool:
        """True if its images lie in subfolders, except for a few (at most a tenth)."""
        return bool(self.folders) and len(self.images) * 10 <= self.count()

    def holds_class(self, classes: Sequence[str]) -> bool:
        """True if any folder below is named like a class."""
        return any(
            matching_class(name, classes) or inner.holds_class(classes)
            for name, inner in self.folders.items()
        )

    def unwrapped(self) -> "Folder":
        """The folder without redundant levels: `amazon/images/mug` becomes `amazon/mug`, and
        `seg_train/seg_train/sea` becomes `seg_train/sea`.
        """
        if self.images or len(self.folders) != 1:
            return self
        ((name, only),) = self.folders.items()
        says_nothing = is_wrapper_name(name) or name == self.path.rpartition("/")[2]
        if not says_nothing or not only.folders:
            return self
        return replace(only.unwrapped(), called=self.name)
