"""The export formats of a run. Imports no torch: the page and the command line use it."""

from typing import Literal, get_args

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
