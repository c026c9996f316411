"""A folder that holds images, and what its name and its insides say it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from core.data.names import is_ood_name, matching_class, split_of


@dataclass
class Folder:
    """A folder that holds images, here or further down."""

    path: str
    images: list[str] = field(default_factory=list)
    folders: dict[str, "Folder"] = field(default_factory=dict)

    def all_images(self) -> Iterator[str]:
        """Paths of its own images, then of those further down."""
        yield from self.images
        for folder in self.folders.values():
            yield from folder.all_images()

    def count(self) -> int:
        """How many images it holds altogether."""
        return sum(1 for _ in self.all_images())

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_split(self) -> bool:
        """A split holds class folders; a class that is called `train` holds photos of trains."""
        return split_of(self.name) is not None and bool(self.folders)

    @property
    def is_ood(self) -> bool:
        """Whether it holds OOD domains."""
        return is_ood_name(self.name) and bool(self.folders)

    @property
    def is_flat_split(self) -> bool:
        """Whether it is called like a split or like OOD and holds no folders."""
        name = self.name
        return not self.folders and (split_of(name) is not None or is_ood_name(name))

    @property
    def is_reserved(self) -> bool:
        """Whether it is a split or holds OOD domains."""
        return self.is_split or self.is_ood

    @property
    def holds_train(self) -> bool:
        """Whether a training split is in it."""
        return any(f.is_split and split_of(name) == "train" for name, f in self.folders.items())

    @property
    def is_class_of_splits(self) -> bool:
        """Whether it holds splits and nothing else."""
        return not self.images and all(split_of(name) for name in self.folders)

    def holds_class(self, classes: Sequence[str]) -> bool:
        """Whether any folder below is named like a class."""
        return any(
            matching_class(name, classes) or inner.holds_class(classes)
            for name, inner in self.folders.items()
        )
