"""Checks of the processes: page, evaluator, workers, and processes that they left behind."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
import sqlalchemy as sa

from core.errors import UserError
from jobs.doctor.results import CheckResult, address, ok, warn
from jobs.doctor.store import TIMEOUT_SECONDS
from jobs.evaluator.client import EvaluatorClient, EvaluatorUnavailable
from jobs.evaluator.questions import Health
from jobs.ledger.owner import is_gone
from jobs.ledger.schema import job as table
from jobs.settings import Settings
from jobs.worker.supervise import check_port

_MODULES = {"jobs.process.child": "child", "jobs.evaluator.server": "evaluator"}
_COMMANDS = ("up", "worker", "page")
_RESTART = "If not, the data folder's logs say why; stop `evenkeel up` and start it again."


@dataclass(frozen=True)
class Alive:
    """A process of ours on this data folder."""

    role: str
    pid: int
    is_frozen: bool
    has_worker: bool
    """True if its parent is a worker. The parent of every `child` must be one."""
    address: tuple[str, int]
    """The host and port of the page, from the environment of the process."""


def alive(settings: Settings) -> list[Alive]:
    """This user's Evenkeel processes on this data folder."""
    return [found for process in psutil.process_iter() if (found := _ours(process, settings))]


def page(settings: Settings, processes: Sequence[Alive]) -> CheckResult:
    """Check that the page answers, or that its port is free."""
    pages = [process for process in processes if process.role == "page"]
    for process in pages:
        host, port = process.address
        try:
            socket.create_connection((host, port), TIMEOUT_SECONDS).close()
        except OSError as error:
            said = f"Process {process.pid} does not answer at {host}:{port} ({error})."
            return warn(said, f"It may still be starting. {_RESTART}")
    if pages:
        return ok("Answers at {}:{}.".format(*pages[0].address))
    try:
        check_port(settings.host, settings.port)
    except UserError as error:
        return warn(f"Not running, and {error}", "Another program has the port.")
    return ok("Not running; `evenkeel up` starts it.")


def evaluator(settings: Settings, processes: Sequence[Alive]) -> CheckResult:
    """Check that the evaluator answers."""
    try:
        health = EvaluatorClient(settings, TIMEOUT_SECONDS).ask(Health())
        return ok(f"Process {health.pid} answers.")
    except EvaluatorUnavailable as error:
        pids = [str(process.pid) for process in processes if process.role == "evaluator"]
        if pids:
            return warn(
                f"Process {' '.join(pids)} does not answer.",
                f"It may still be starting. If not: kill {' '.join(pids)}; `evenkeel up` starts "
                "another.",
            )
        if any(process.role == "up" for process in processes):
            return warn(f"Not running: {error}", f"It may still be starting. {_RESTART}")
    return ok("Not running; `evenkeel up` starts it.")


def workers(settings: Settings, processes: Sequence[Alive]) -> CheckResult:
    """Check that a worker runs if runs wait."""
    pids = [str(process.pid) for process in processes if process.role == "worker"]
    waiting = len(_jobs(settings, "queued"))
    if pids:
        return ok(f"{len(pids)} here (process {', '.join(pids)}); {waiting} in the queue.")
    if waiting:
        return warn(
            f"{waiting} in the queue, and no worker runs on this machine.",
            "Start `evenkeel up` or `evenkeel worker`, unless workers on other machines are busy.",
        )
    return ok("None is running, and nothing waits.")


def stuck(settings: Settings, processes: Sequence[Alive]) -> CheckResult:
    """Check for runs whose worker has ended."""
    held = [job_id for job_id, owner in _jobs(settings, "running") if is_gone(owner or "") is True]
    if not held:
        return ok("Every running run has a living owner.")
    goes_on = any(process.role == "worker" for process in processes)
    return warn(
        f"The worker of {', '.join(held)} has ended.",
        "A worker takes it over in seconds; look again."
        if goes_on
        else "It goes on from its last checkpoint as soon as `evenkeel up` or a worker runs.",
    )


def leftovers(processes: Sequence[Alive]) -> CheckResult:
    """Check for processes that outlived their worker, or that a signal stopped."""
    orphans = [p.pid for p in processes if p.role == "child" and not p.has_worker]
    frozen = [p.pid for p in processes if p.is_frozen and p.pid not in orphans]
    if orphans:
        pids = " ".join(map(str, orphans))
        said = f"Runs' processes whose worker has ended: {pids}."
        return warn(said, f"They hold memory and perhaps a GPU: kill -9 {pids}")
    if frozen:
        pids = " ".join(map(str, frozen))
        return warn(f"Stopped by a signal and waiting: {pids}.", f"kill -CONT {pids}")
    return ok("None.")


def _ours(process: psutil.Process, settings: Settings) -> Alive | None:
    with suppress(psutil.Error, OSError, ValueError):  # it has ended, or is somebody else's
        role = role_of(process.cmdline())
        if not role:
            return None
        given = process.environ()
        home = given.get("EVENKEEL_HOME") or Settings.model_fields["home"].get_default(
            call_default_factory=True
        )
        if Path(home).expanduser().absolute() != settings.home:
            return None
        parent = process.parent()
        return Alive(
            role=role,
            pid=process.pid,
            is_frozen=process.status() == psutil.STATUS_STOPPED,
            has_worker=parent is not None and role_of(parent.cmdline()) == "worker",
            address=(
                given.get("EVENKEEL_HOST", settings.host),
                int(given.get("EVENKEEL_PORT", settings.port)),
            ),
        )
    return None


def role_of(command: Sequence[str]) -> str | None:
    """The role of the Evenkeel process that a command line starts; None for other programs."""
    for word, following in pairwise(command):
        if word == "-m" and following in _MODULES:
            return _MODULES[following]
        if (Path(word).name == "evenkeel" or word == "studio") and following in _COMMANDS:
            return following
    return None


def _jobs(settings: Settings, state: str) -> list[tuple[str, str | None]]:
    """(id, owner) of the jobs in a state. Opens the ledger for reading only; none when it cannot
    be read, of which `store.database` speaks.
    """
    url = address(settings, "database")
    if not url and not settings.ledger_path.exists():
        return []
    url = url or f"sqlite:///{settings.ledger_path.as_uri()}?mode=ro&uri=true"
    query = sa.select(table.c.id, table.c.owner).where(table.c.state == state)
    with suppress(sa.exc.SQLAlchemyError), sa.create_engine(url).connect() as connection:
        return [(row.id, row.owner) for row in connection.execute(query)]
    return []
