"""The process that decodes images: `python -m jobs.uploads.decoder LIMITS`, a JSON request a line.

It holds one image at a time, under limits, and ends when nobody has asked for a while or its asker
is gone. It imports neither torch nor our settings, so that it is there in a fifth of a second.
"""

import json
import os
import select
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.data.glance import look
from core.data.images import UnreadableImage
from core.data.limits import Limits, in_gib
from core.data.reencode import reencode, write_thumbnail
from jobs.uploads.confined import allow_seconds, confine, peak_bytes

IDLE_SECONDS = 60.0
LARGEST_FILE_BYTES = 256 * 1024**2
"""50 megapixels that do not compress, as PNG, are 150 MB."""

Answer = dict[str, Any]


def main() -> None:
    """Answer requests until there are none."""
    limits = Limits(**json.loads(sys.argv[1]))
    confine(limits.memory_bytes, LARGEST_FILE_BYTES)
    requests = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
    while select.select([requests], [], [], IDLE_SECONDS)[0] and (line := requests.readline()):
        allow_seconds(limits.seconds)
        try:
            answer = _answer(json.loads(line), limits)
        except MemoryError:
            # What is left of the heap may be too little for the next one: start afresh.
            _say({"refused": f"it needs more than {in_gib(limits.memory_bytes)} of memory"})
            return
        _say(answer)


def _answer(request: dict[str, str], limits: Limits) -> Answer:
    try:
        return _VERBS[request["do"]](request, limits)
    except UnreadableImage as error:
        return {"refused": error.reason}
    except OSError as error:
        return {"errno": error.errno, "error": error.strerror or str(error)}


def _reencode(request: dict[str, str], limits: Limits) -> Answer:
    paths = Path(request["source"]), Path(request["target"])
    return asdict(reencode(*paths, request["name"], limits))


def _thumbnail(request: dict[str, str], limits: Limits) -> Answer:
    paths = Path(request["source"]), Path(request["target"])
    stress = (request["effect"], request["content"]) if request.get("effect") else None
    write_thumbnail(*paths, request["name"], limits, stress)
    return {}


def _glance(request: dict[str, str], limits: Limits) -> Answer:
    return look(request["source"], request["name"], limits).to_json()


_VERBS: dict[str, Callable[[dict[str, str], Limits], Answer]] = {
    "reencode": _reencode,
    "thumbnail": _thumbnail,
    "glance": _glance,
}


def _say(answer: Answer) -> None:
    line = json.dumps({**answer, "peak_bytes": peak_bytes()})
    os.write(sys.stdout.fileno(), line.encode() + b"\n")


if __name__ == "__main__":
    main()
