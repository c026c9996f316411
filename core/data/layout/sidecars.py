"""How the layout reads what lies next to the images: files of labels, and `dataset.yaml`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from core.data.labels import LARGEST_BYTES, NoLabels
from core.data.names import SETTINGS_NAME
from core.data.settings import DatasetSettings
from core.errors import UserError


@dataclass(frozen=True)
class Sidecars:
    """Where the files lie whose paths are read."""

    file: Callable[[str], Path | None]
    """Path, as in the list of paths, to the file itself."""

    @classmethod
    def below(cls, root: Path) -> "Sidecars":
        """The paths are relative to this folder."""
        return cls(lambda path: root / path)

    def read(self, path: str) -> bytes:
        """The bytes of a file of labels. Raises `NoLabels` when it is too large or not there."""
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
        """What the highest `dataset.yaml` among the paths says; the defaults where it is wrong:
        whoever opens the data set says so.
        """
        found = [path for path in paths if path.rpartition("/")[2] == SETTINGS_NAME]
        file = self.file(min(found, key=lambda path: path.count("/"))) if found else None
        try:
            return DatasetSettings.read(file) if file else DatasetSettings()
        except (UserError, OSError):
            return DatasetSettings()


NOTHING = Sidecars(lambda path: None)
"""Names alone are known."""
