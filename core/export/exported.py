"""`Exported`: the result of an export. Imports no torch."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.export.verify import Difference


@dataclass(frozen=True)
class Exported:
    """The written files, and the differences between their outputs and the run's own."""

    folder: Path
    snippet: str
    """Python that loads it."""
    reader: str = ""
    """The program that loaded it again; empty for a document, which has no outputs."""
    differences: tuple[Difference, ...] = ()

    @property
    def verified(self) -> bool:
        """True if it was loaded again and gave the run's outputs."""
        return bool(self.differences)

    @property
    def check(self) -> str:
        """A sentence that says how it was verified."""
        if not self.differences:
            return "A document: it has no outputs to compare."
        start = f"Loaded again in a clean process with {self.reader}."
        if all(difference.largest == 0 for difference in self.differences):
            return f"{start} No difference."
        found = "; ".join(str(difference) for difference in self.differences)
        return f"{start} Largest difference: {found}."

    def to_json(self) -> dict[str, Any]:
        """As JSON, for the evaluator's answer and for `--json`."""
        return {
            "path": str(self.folder),
            "verified": self.verified,
            "check": self.check,
            "reader": self.reader,
            "differences": [asdict(difference) for difference in self.differences],
            "snippet": self.snippet,
        }


def make_room(folder: Path, ours: set[str]) -> None:
    """An empty folder, or one with an earlier export in it. A `UserError` if it holds other
    things.
    """
    folder.mkdir(parents=True, exist_ok=True)
    strangers = [entry.name for entry in folder.iterdir() if entry.name not in ours]
    if strangers:
        raise UserError(
            f"export: {folder} holds other files ({strangers[0]!r}). Name a new or empty folder."
        )
