"""The process that takes one upload in: `python -m jobs.uploads.intake`, one JSON line on stdin.

It unpacks and sorts under limits, lets decoders write every image again, and says on stdout, a line
each, that it goes on; the last line is the report. When its stdin closes, its asker is gone, and it
ends at once.
"""

import json
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.assemble import UploadHandling, place_files, place_zip
from core.data.dataset import IngestReport, Role
from core.data.limits import Limits
from core.data.reencode import ReencodedImage
from core.errors import UserError
from core.params import JsonObject
from jobs.process.interpreter import when_parent_ends
from jobs.uploads.confined import confine, peak_bytes
from jobs.uploads.decoders import Decoders

DECODERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Request:
    """An upload: (path as the browser sent it, where the bytes lie), and where it goes."""

    files: list[tuple[str, str]]
    root: str
    role: Role
    workspace: str
    limits: dict[str, Any]


def main() -> None:
    """Take one upload in and say how it went."""
    line = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False).readline()  # noqa: SIM115
    if not line:
        return
    when_parent_ends(lambda: os._exit(0))
    request = Request(**json.loads(line))
    limits = Limits(**request.limits)
    confine(limits.memory_bytes, limits.kept_bytes)
    decoders = Decoders(limits, DECODERS)
    answer = _answer(request, limits, decoders)
    decoders.close()
    _say({**answer, "peak_bytes": max(peak_bytes(), decoders.peak_bytes)})


def _answer(request: Request, limits: Limits, decoders: Decoders) -> JsonObject:
    try:
        return {"report": _take_in(request, limits, decoders).to_json()}
    except UserError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"memory": True}
    except OSError as error:
        return {"errno": error.errno, "error": error.strerror or str(error)}


def _take_in(request: Request, limits: Limits, decoders: Decoders) -> IngestReport:
    def bring(source: Path, target: Path, name: str) -> ReencodedImage:
        try:
            return decoders.reencode(source, target, name)
        finally:
            _say({"looked_at": name})

    handling = UploadHandling(limits, bring, Path(request.workspace))
    files = [(rel, Path(path)) for rel, path in request.files]
    root = Path(request.root)
    if len(files) == 1 and files[0][0].lower().endswith(".zip"):
        sent_as, path = files[0]
        return place_zip(path, root, request.role, handling=handling, sent_as=sent_as)
    return place_files(files, root, request.role, handling=handling)


_speaking = threading.Lock()


def _say(message: JsonObject) -> None:
    with _speaking:
        os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
