"""The export formats of a run. Imports no torch: the page and the command line use it."""

from typing import Literal, get_args

from core.results.records import Json

Format = Literal[
    "open_clip",
    "onnx",
    "huggingface",
    "steady-onnx",
    "steady-open_clip",
    "features",
    "card",
    "report",
]
FORMATS: tuple[Format, ...] = get_args(Format)
DOCUMENTS = ("card", "report")
"""Formats that are made from the record alone: no weights are read."""
STEADY = ("steady-onnx", "steady-open_clip")
"""Formats that contain both towers of a run and the gate between them."""


class OutputDifference(Json):
    """How far one output of an artefact is from the run's own."""

    output: str
    largest: float
    tolerance: float


class ExportedFile(Json):
    """A run written for another program, as one file to download."""

    path: str
    verified: bool
    """It was loaded again and gave the run's outputs."""
    check: str
    """How that is known, in a sentence."""
    reader: str
    """The program that loaded it again; empty for a document."""
    differences: list[OutputDifference]
    snippet: str
    """Python that loads it."""
    size_bytes: int
    sha256: str
