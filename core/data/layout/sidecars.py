"""Reads the files next to the images: label files and `dataset.yaml`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from core.data.labels import LARGEST_BYTES, NoLabels
from core.data.names import SETTINGS_NAME
from core.data.settings import DatasetSettings
from core.errors import UserError


@dataclass(frozen=True)
class Sidecars:
    """Access to the files next to the images."""

    file: Callable[[str], Path | None]
    """Function from a path in the list to the file on disk."""

    @classmethod
    def below(cls, root: Path) -> "Sidecars":
        """Access to files whose paths are relative to this folder."""
        return cls(lambda path: root / path)

    def read(self, path: str) -> bytes:
        """Reads a label file. Raises `NoLabels` if it is too large or missing."""
        file = self.file(path)
        try:
            if file is None or not file.is_file():
                raise NoLabels("it is not there")
            if file.stat().st_size > LARGEST_BYTES:
                raise NoLabels(f"it is larger than {LARGEST_BYTES // 1024**2} MiB")
            return file.read_bytes()
        except OSError as error:
            raise NoLabels(f"it cannot be read ({error.strerror})") from None

    def settings(self, paths: Iterable[str]) -> DatasetSettings:
        """Reads the top-most `dataset.yaml` among the paths. A wrong file gives the defaults here,
        because opening the data set reports the error later.
        """
        found = [path for path in paths if path.rpartition("/")[2] == SETTINGS_NAME]
        file = self.file(min(found, key=lambda path: path.count("/"))) if found else None
        try:
            return DatasetSettings.read(file) if file else DatasetSettings()
        except (UserError, OSError):
            return DatasetSettings()


NOTHING = Sidecars(lambda path: None)
"""No access: only the names of files are known."""
