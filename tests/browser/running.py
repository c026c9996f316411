"""A real studio in its own processes: page, worker and evaluator, over a home of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.queueing import cancel, submit
from jobs.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
RUN_SECONDS = 300.0
FEW_ALPHAS = (0.0, 0.5, 1.0)
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@dataclass(frozen=True)
class Running:
    """The address of a studio, and its home folder."""

    url: str
    settings: Settings
    log: Path

    def finish(self, data: Path, **options: Any) -> str:
        """The id of a short run on `data`, when its worker has finished it."""
        short = {"shots": 2, "params": {"epochs": 1}, "evaluations": 1, "alphas": FEW_ALPHAS}
        run = submit(self.settings, RunConfig(data=str(data), **{**short, **options})).id
        ledger, until = Ledger(self.settings), time.monotonic() + RUN_SECONDS
        while not (job := ledger.get(run)).is_over:
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.2)
        assert job.state == "done", job.error
        return run

    def end(self, run: str) -> None:
        """Cancel a run, unless it is over by now."""
        with suppress(UserError):
            cancel(self.settings, run)


@contextmanager
def running_studio(home: Path) -> Iterator[Running]:
    """`evenkeel up` over `home`, stopped at the end."""
    settings = Settings(home=home)
    log = home / "up.log"
    port = _free_port()
    environment = {**os.environ, "EVENKEEL_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "studio", "up", "--port", str(port)]
    with open(log, "wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/studio/assets/studio.css", process, log)
        yield Running(url, settings, log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def chromium_path() -> str | None:
    """The system's Chromium, or None to let playwright take its own."""
    return next(
        (p for p in ("/usr/bin/chromium", "/usr/bin/google-chrome") if Path(p).exists()), None
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the studio ended with {process.returncode}:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise RuntimeError(f"the studio did not answer:\n{log.read_text()}")
