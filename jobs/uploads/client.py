"""The page's side of uploads: it hands paths over and gets a report, and never looks inside."""

import errno
import json
import logging
import os
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.data.dataset import IngestReport, Role
from core.data.glance import Glance
from core.data.images import UnreadableImage
from core.data.limits import in_gib
from core.errors import UserError
from jobs.process.interpreter import bare_environment, command
from jobs.process.traces import describe
from jobs.settings import Settings
from jobs.uploads.decoders import Decoders
from jobs.uploads.intake import Request

log = logging.getLogger(__name__)

_SILENT_SECONDS = 120.0
"""On top of the limit of one image: unpacking and sorting take a while in silence."""
_PAGE_DECODERS = 2
_GLANCES_KEPT = 50_000
"""About 1 kB each."""


@dataclass(frozen=True)
class AcceptedUpload:
    """An upload that was accepted."""

    report: IngestReport
    peak_bytes: int
    """The most memory that any process which read it held."""


class UploadClient:
    """Takes uploads of one home in. Safe to use from any thread; there is one per page process."""

    def __init__(self, settings: Settings) -> None:
        self._limits = settings.limits
        self._folder = settings.home / "tmp" / "arriving"
        self._decoders = Decoders(self._limits, _PAGE_DECODERS)
        self._glances: dict[tuple[str, int, int], Glance] = {}
        # What a page process that was killed has left behind.
        shutil.rmtree(self._folder, ignore_errors=True)

    def take(self, files: Sequence[tuple[str, Path]], root: Path, role: Role) -> AcceptedUpload:
        """Bring an upload into the data set at `root`: (path as sent, where the bytes lie).

        A single zip is unpacked. Raises `UserError` when nothing of it is taken; whatever happens,
        nothing unfinished is left.
        """
        label = _label(files)
        size = sum(path.stat().st_size for _, path in files)
        if size > self._limits.upload_bytes:
            most = in_gib(self._limits.upload_bytes)
            raise UserError(
                f"'{label}' is {in_gib(size)}, an upload may be {most}. Send it in parts."
            )
        with self._workspace() as workspace:
            request = Request(
                files=[(rel, str(path)) for rel, path in files],
                root=str(root),
                role=role,
                workspace=str(workspace),
                limits=asdict(self._limits),
            )
            answer = self._ask(request, label)
        report = answer["report"]
        ignored = tuple((entry["path"], entry["reason"]) for entry in report["ignored"])
        understood, warnings = tuple(report["understood"]), tuple(report["warnings"])
        return AcceptedUpload(IngestReport(understood, ignored, warnings), answer["peak_bytes"])

    @contextmanager
    def photo(self, source: Path, name: str) -> Iterator[Path]:
        """One uploaded image as a file of ours, for as long as it is needed.

        Raises `UnreadableImage`.
        """
        size = source.stat().st_size
        if size > self._limits.upload_bytes:
            raise UnreadableImage(name, f"it is {in_gib(size)}, too much for an image")
        with self._workspace() as workspace:
            target = workspace / "photo"
            picture = self._decoders.reencode(source, target, name)
            yield target.rename(target.with_suffix(picture.suffix))

    def thumbnail(self, source: Path, target: Path, stress: tuple[str, str] = ("", "")) -> None:
        """A small WebP of an image of a data set, whole or not there.

        `stress` is an effect that is done to it, and the hash of the image's bytes.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{secrets.token_hex(4)}.tmp")
        try:
            self._decoders.thumbnail(source, partial, source.name, stress)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def glance(self, source: Path, name: str) -> Glance:
        """The properties of an image; each file is read once. Raises `UnreadableImage`.

        A data set is checked again after each image that is left out of it.
        """
        try:
            file = source.stat()
        except FileNotFoundError:
            raise UnreadableImage(name, "there is no such file") from None
        key = (str(source), file.st_mtime_ns, file.st_size)
        if key not in self._glances:
            while len(self._glances) >= _GLANCES_KEPT:
                self._glances.pop(next(iter(self._glances)), None)
            self._glances[key] = self._decoders.glance(source, name)
        return self._glances[key]

    def close(self) -> None:
        """End the processes that wait for an image."""
        self._decoders.close()

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _ask(self, request: Request, label: str) -> dict[str, Any]:
        with _Intake(request, _SILENT_SECONDS + self._limits.seconds) as intake:
            answer = intake.answer()
        if answer is None:
            log.error("%s: the intake %s", label, intake.epitaph())
            raise UserError(f"'{label}' was not taken: {intake.epitaph()} Send it in parts.")
        if "refused" in answer:
            raise UserError(answer["refused"])
        if "memory" in answer:
            most = in_gib(self._limits.memory_bytes)
            raise UserError(
                f"'{label}' was not taken: it needs more than {most} of memory to read."
            )
        if "errno" in answer:
            log.error("%s: %s", label, answer["error"])
            full = answer["errno"] in (errno.ENOSPC, errno.EDQUOT)
            reason = "the disk is full" if full else str(answer["error"]).lower()
            raise UserError(f"'{label}' was not taken: {reason}. Nothing of it was kept.")
        return answer


class _Intake:
    """A process of `jobs.uploads.intake` with its decoders, all of which end with the block."""

    def __init__(self, request: Request, silent_seconds: float) -> None:
        self._silent_seconds = silent_seconds
        self._overdue = False
        self._process = subprocess.Popen(
            command("jobs.uploads.intake"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=bare_environment(),
            bufsize=0,
            start_new_session=True,
        )
        # Thousands of paths are more than a pipe holds, and it is only starting.
        self._writer = threading.Thread(target=self._write, args=(request,), daemon=True)

    def __enter__(self) -> "_Intake":
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):  # its decoders are in its session
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._writer.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()

    def answer(self) -> dict[str, Any] | None:
        """Its last line; None when it died or fell silent."""
        assert self._process.stdout
        rest = b""
        heard = time.monotonic()
        while True:
            left = max(0.0, heard + self._silent_seconds - time.monotonic())
            if not select.select([self._process.stdout], [], [], left)[0]:
                self._overdue = True
                return None
            piece = os.read(self._process.stdout.fileno(), 1 << 20)
            if not piece:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(2)
                return None
            heard = time.monotonic()
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                message: dict[str, Any] = json.loads(line)
                if "looked_at" not in message:
                    return message

    def epitaph(self) -> str:
        """The reason why there is no answer."""
        if self._overdue:
            return "reading it took too long."
        return describe(self._process.returncode or 0)

    def _write(self, request: Request) -> None:
        assert self._process.stdin
        data = memoryview(json.dumps(asdict(request)).encode() + b"\n")
        with suppress(BrokenPipeError):
            while data:
                data = data[self._process.stdin.write(data) or 0 :]


def _label(files: Sequence[tuple[str, Path]]) -> str:
    tops = {rel.split("/")[0] for rel, _ in files}
    return tops.pop() if len(tops) == 1 else "the upload"
