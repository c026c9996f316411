"""A few decoders, asked from any thread. One that hangs or dies costs the image it was given."""

import json
import os
import queue
import select
import signal
import subprocess
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.data.glance import Glance
from core.data.images import UnreadableImage
from core.data.limits import Limits
from core.data.reencode import ReencodedImage
from jobs.process.interpreter import bare_environment, command

_STARTING_SECONDS = 20.0
"""On top of the limit of the first image: a busy machine may take a while to start Python."""
_LONGEST_ANSWER = 65536


class Decoders:
    """At most `count` processes of `jobs.uploads.decoder`, started when they are first needed."""

    def __init__(self, limits: Limits, count: int) -> None:
        self._limits = limits
        self._free: queue.LifoQueue[_Decoder | None] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(None)
        self._count = count
        self.peak_bytes = 0
        """The most memory that one of them ever held."""

    def reencode(self, source: Path, target: Path, name: str) -> ReencodedImage:
        """`core.data.reencode.reencode`, elsewhere."""
        return ReencodedImage(**self._ask("reencode", source, name, target))

    def thumbnail(
        self, source: Path, target: Path, name: str, stress: tuple[str, str] = ("", "")
    ) -> None:
        """`core.data.reencode.write_thumbnail`, elsewhere."""
        effect, content = stress
        self._ask("thumbnail", source, name, target, effect=effect, content=content)

    def glance(self, source: Path, name: str) -> Glance:
        """`core.data.glance.look`, in a process of its own."""
        return Glance.from_json(self._ask("glance", source, name))

    def close(self) -> None:
        """End those that are not at work, and wait until they are gone."""
        for _ in range(self._count):
            decoder = self._free.get()
            if decoder:
                decoder.end()
        for _ in range(self._count):
            self._free.put(None)

    def _ask(
        self, do: str, source: Path, name: str, target: Path | None = None, **more: str
    ) -> dict[str, Any]:
        """The answer of a decoder. Raises `UnreadableImage` with what it was refused for."""
        request = {"do": do, "source": str(source), "target": str(target or ""), "name": name}
        request |= more
        decoder = self._free.get()
        try:
            if decoder and not decoder.is_alive:  # it left idle: its pipes are still ours
                decoder.end()
                decoder = None
            decoder = decoder or _Decoder(self._limits)
            answer = decoder.ask(request)
            if answer is None and decoder.left_idle:
                decoder = _Decoder(self._limits)
                answer = decoder.ask(request)
            if answer is None:
                raise UnreadableImage(name, decoder.epitaph())
        finally:
            self._free.put(decoder)
        self.peak_bytes = max(self.peak_bytes, answer.pop("peak_bytes"))
        if "refused" in answer:
            raise UnreadableImage(name, answer["refused"])
        if "errno" in answer:
            raise OSError(answer["errno"], answer["error"])
        return answer


class _Decoder:
    """One process, which may be killed at any time."""

    def __init__(self, limits: Limits) -> None:
        self._seconds = limits.seconds
        self._overdue = False
        self._answered = 0
        self._process = subprocess.Popen(
            command("jobs.uploads.decoder", json.dumps(asdict(limits))),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=bare_environment(),
            bufsize=0,
        )
        self._clear_up = weakref.finalize(self, _clear_up, self._process)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def left_idle(self) -> bool:
        """True if it ended in good order between two requests, so that no image is at fault."""
        return self._process.returncode == 0 and self._answered > 0

    def ask(self, request: Mapping[str, str]) -> dict[str, Any] | None:
        """Its answer; None when it died or had to be killed."""
        assert self._process.stdin
        seconds = self._seconds + (0 if self._answered else _STARTING_SECONDS)
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
        line = self._line(time.monotonic() + seconds)
        if line is None:
            self.end()
            return None
        self._answered += 1
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _line(self, deadline: float) -> bytes | None:
        assert self._process.stdout
        line = b""
        while not line.endswith(b"\n"):
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._process.stdout], [], [], left)[0]:
                self._overdue = True
                return None
            piece = os.read(self._process.stdout.fileno(), 65536)
            line += piece
            if not piece or len(line) > _LONGEST_ANSWER:
                return None
        return line

    def epitaph(self) -> str:
        """The reason why it ended, for which its image is refused."""
        code = self._process.returncode
        if self._overdue or code == -signal.SIGXCPU:
            return f"reading it took longer than {self._seconds:g} seconds"
        if code == -signal.SIGKILL:
            return "reading it needed more memory than there is"
        return "it crashed the process that read it"

    def end(self) -> None:
        """Kill it if need be, and clear up. So ends one that nobody holds any more, too."""
        if self._overdue:
            self._process.kill()
        self._clear_up()


def _clear_up(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(BrokenPipeError):
                pipe.close()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
