"""Simulated visitors of a running studio: they open the page, let it tick, and move the α."""

import random
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from core.errors import UserError

TICK_SECONDS = 1.0
ALPHA_EVERY = 7
"""Ticks between two moves of the slider: a person looks at what moved."""
PAGE_EVERY = 60
"""Ticks until a visitor loads the page again."""


@dataclass
class Measured:
    """What all visitors saw together."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, what: str, seconds: float, error: str | None) -> None:
        """One answer."""
        with self._lock:
            self.seconds.setdefault(what, []).append(seconds)
            if error:
                self.errors[f"{what}: {error}"] += 1

    def summary(self) -> dict[str, Any]:
        """Counts and percentiles by kind of request, in seconds."""
        kinds = {name: _percentiles(took) for name, took in sorted(self.seconds.items())}
        return {"requests": kinds, "errors": dict(self.errors)}


class Visitor:
    """One browser: a page, its ticks, and now and then the slider."""

    def __init__(self, url: str, query: str, run: str | None, measured: Measured) -> None:
        self._client = httpx.Client(base_url=url, timeout=60, follow_redirects=True)
        self._query = query
        self._run = run
        self._measured = measured
        self._lab: int | None = None

    def stay(self, until: float) -> None:
        """Look at the page until a time of `time.monotonic`."""
        time.sleep(random.uniform(0, TICK_SECONDS))  # people do not come at once
        number = 0
        with self._client:
            while time.monotonic() < until:
                if number % PAGE_EVERY == 0:
                    self._open()
                begin = time.monotonic()
                self._event("tick", 1)
                if self._lab is not None and self._run and number % ALPHA_EVERY == 3:
                    self._move()
                number += 1
                time.sleep(max(0.0, TICK_SECONDS - (time.monotonic() - begin)))

    def _open(self) -> None:
        self._session = uuid.uuid4().hex[:12]
        self._ask("page", "GET", f"/{self._query}")
        config = self._ask("config", "GET", f"/config{self._query}")
        if config is not None:
            parts = config.json()["components"]
            self._lab = next((p["id"] for p in parts if "measure" in _served(p)), None)
        self._event("load", 0)

    def _event(self, what: str, number: int) -> None:
        body = {"data": [None] if number else [], "fn_index": number, "event_data": None}
        body |= {"trigger_id": None, "session_hash": self._session}
        self._ask(what, "POST", f"/gradio_api/run/predict{self._query}", json=body)

    def _move(self) -> None:
        question = [self._run, round(random.random(), 2)]
        body = {"data": question, "fn_name": "measure", "component_id": self._lab}
        body["session_hash"] = self._session
        self._ask("alpha", "POST", "/gradio_api/component_server/", json=body)

    def _ask(self, what: str, verb: str, path: str, **options: Any) -> httpx.Response | None:
        begin, error, answer = time.monotonic(), None, None
        try:
            answer = self._client.request(verb, path, **options)
            if answer.status_code >= 400:
                error, answer = str(answer.status_code), None
        except httpx.HTTPError as failure:
            error = type(failure).__name__
        self._measured.add(what, time.monotonic() - begin, error)
        return answer


def visit(url: str, visitors: int, seconds: float, run: str | None = None) -> dict[str, Any]:
    """How a studio bears so many visitors for so long, and how the memory of its page grows.

    `run` is a finished run of which they move the α; without one they only look.
    """
    process = page_process(url)
    query = f"?run={run}&tab=lab" if run else ""
    measured, begin = Measured(), time.monotonic()
    before = memory_bytes(process)
    until = begin + seconds
    everybody = [Visitor(url, query, run, measured) for _ in range(visitors)]
    with ThreadPoolExecutor(visitors) as pool:
        for stay in [pool.submit(visitor.stay, until) for visitor in everybody]:
            stay.result()
    after = memory_bytes(process)
    return {
        "visitors": visitors,
        "seconds": round(time.monotonic() - begin, 1),
        **measured.summary(),
        "page_memory_bytes": {"before": before, "after": after},
        "page_memory_growth_bytes": after - before if before and after else None,
    }


def page_process(url: str) -> int | None:
    """The process of this machine that listens at the port of `url`; None if nobody can tell."""
    port = httpx.URL(url).port or 80
    wanted = {f"socket:[{inode}]" for inode in _listening(port)}
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(str(link.readlink()) in wanted for link in folder.iterdir()):
                return int(folder.parent.name)
        except OSError:  # another user's, or it has just ended
            continue
    return None


def memory_bytes(process: int | None) -> int | None:
    """What a process holds in memory; None when it cannot be told."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), None)


def check_answers(url: str) -> None:
    """A `UserError` when no studio that lets visitors in answers there."""
    try:
        status = httpx.get(url, timeout=10).status_code
    except httpx.HTTPError as error:
        raise UserError(
            f"url: nothing answers at {url} ({type(error).__name__}). Start `evenkeel up --public`."
        ) from None
    if status != httpx.codes.OK:
        raise UserError(
            f"url: {url} answers {status} to a visitor. Start it with --public, or without a "
            "password."
        )


def _served(component: dict[str, Any]) -> list[str]:
    return list(component.get("props", {}).get("server_fns") or ())


def _listening(port: int) -> list[str]:
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                found.append(fields[9])
    return found


def _percentiles(took: list[float]) -> dict[str, float]:
    ordered = sorted(took)
    at = {name: ordered[int(share * (len(ordered) - 1))] for name, share in _SHARES.items()}
    return {"n": len(ordered), **{name: round(value, 3) for name, value in at.items()}}


_SHARES = {"median": 0.5, "p95": 0.95, "max": 1.0}
