"""Verification: an export is loaded in a clean process and must give the run's own outputs.

The process is a fresh interpreter that runs one script of `core.export.readers`. The scripts import
only the program that the export is for, and nothing of ours. So a stranger can load what they load.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.params import JsonObject

Arrays = Mapping[str, NDArray[Any]]
_READERS = Path(__file__).with_name("readers")
_SURROUNDINGS = {
    "HF_HUB_OFFLINE": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONIOENCODING": "utf-8",  # a snippet prints class names, and our output may lack letters
}
_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Difference:
    """The difference between one output of an export and the run's own."""

    output: str
    largest: float
    tolerance: float

    @property
    def fits(self) -> bool:
        """True if it counts as equal. NaN does not."""
        return self.largest <= self.tolerance

    def __str__(self) -> str:
        return f"{self.output} {self.largest:.1e} (allowed {self.tolerance:.0e})"


def verify(
    reader: str, folder: Path, asked: Arrays, own: Arrays, tolerances: Mapping[str, float]
) -> tuple[Difference, ...]:
    """The differences between the outputs of the export in `folder` and `own`, by name.

    A `UserError` with the numbers if any difference exceeds its tolerance.
    """
    theirs = _read(reader, folder, asked)
    found = tuple(
        Difference(name, _largest(theirs.get(name), array), tolerances[name])
        for name, array in own.items()
    )
    wrong = [str(difference) for difference in found if not difference.fits]
    if wrong:
        raise UserError(
            f"export: {folder.name} was loaded again with {reader}, and its outputs are not the "
            f"run's: {'; '.join(wrong)}. Do not use it; export again, and report a second failure."
        )
    return found


def _largest(theirs: NDArray[Any] | None, ours: NDArray[Any]) -> float:
    if theirs is None or theirs.shape != ours.shape:
        return float("inf")
    return float(np.abs(theirs.astype(np.float64) - ours.astype(np.float64)).max(initial=0.0))


def _read(reader: str, folder: Path, asked: Arrays) -> dict[str, NDArray[Any]]:
    """The outputs of the reader's script for the export."""
    script = _READERS / f"with_{reader}.py"
    with tempfile.TemporaryDirectory(prefix="evenkeel-verify-") as place:
        question, answer = Path(place, "asked.npz"), Path(place, "answer.npz")
        np.savez(question, **asked)  # type: ignore[arg-type]
        command = [sys.executable, "-P", str(script), str(folder), str(question), str(answer)]
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **_SURROUNDINGS},
                cwd=place,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UserError(
                f"export: {reader} did not load {folder.name} within {_TIMEOUT_SECONDS} seconds, "
                "so it is not verified. Export again when the machine is less busy."
            ) from None
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UserError(f"export: {reader} could not load {folder.name}: {reason}")
        with np.load(answer) as arrays:
            return dict(arrays)


def needs(package: str, what: str) -> None:
    """Raises a `UserError` if a program that an export needs is not installed."""
    if importlib.util.find_spec(package) is None:
        raise UserError(f"export: {what} needs {package}. Install it: pip install {package}.")


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

    def to_json(self) -> JsonObject:
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
