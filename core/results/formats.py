"""What a run can be exported as. Imports no torch, so that the page and the command line know."""

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
"""Those that are made from the record alone: no weight is read."""
STEADY = ("steady-onnx", "steady-open_clip")
"""Those that hold both towers of a run and the gate between them."""
