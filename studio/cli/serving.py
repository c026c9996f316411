"""`evenkeel up` and `evenkeel worker`: the long-running processes."""

import logging
import os
import signal
import sys
from typing import Annotated

import typer

from core.errors import UserError
from jobs.settings import Settings

log = logging.getLogger(__name__)
app = typer.Typer()
EndWithParent = Annotated[bool, typer.Option("--end-with-parent", hidden=True)]


@app.command()
def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    share: Annotated[bool | None, typer.Option("--share", help="Open a public link.")] = None,
    auth: Annotated[
        str | None, typer.Option(metavar="USER:PASSWORD", help="Who logs in as the owner.")
    ] = None,
    public: Annotated[
        bool | None, typer.Option("--public", help="Let anybody in, without a password.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="How many runs at a time.")] = None,
) -> None:
    """Start the studio: the page, its workers and the evaluator. Ctrl-C stops all of them."""
    from jobs import logs
    from jobs.doctor.store import is_open, mode_of
    from jobs.process.interpreter import command, environment
    from jobs.worker import supervise
    from jobs.worker.messages import check_queue
    from studio.people.visitors import check_open

    flags = {"host": host, "port": port, "share": share, "auth": auth}
    flags |= {"public": public, "workers": workers}
    settings = Settings(**{name: value for name, value in flags.items() if value is not None})
    check_open(settings)
    mode = mode_of(settings.home) or 0
    logs.set_up(settings, "up")
    if mode & 0o077:
        log.warning(is_open(settings.home, mode))
    given = environment(settings)
    secrets = _hashed(settings)
    for name in secrets:  # only the page needs them, and nobody in clear
        given.pop(name, None)
    studio = ("studio",)
    programs = [
        supervise.Program(
            "page", command(*studio, "page", "--end-with-parent"), {**given, **secrets}
        ),
        supervise.Program(
            "evaluator", command("jobs.evaluator.server", "--end-with-parent"), given
        ),
    ]
    for number, visible in enumerate(_shared_devices(settings.workers), start=1):
        devices = ("--gpus", visible) if visible is not None else ()
        line = command(*studio, "worker", "--end-with-parent", *devices)
        programs.append(supervise.Program(f"worker {number}", line, given))
    with supervise.only_one(settings):
        supervise.check_port(settings.host, settings.port)
        check_queue(settings)
        local = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
        url = f"http://{local}:{settings.port}"
        sys.exit(supervise.Tree(programs).run(url, (local, settings.port)))


@app.command()
def worker(
    gpus: Annotated[
        str | None, typer.Option(help="GPUs to use, as 0,1: one run at a time on each.")
    ] = None,
    end_with_parent: EndWithParent = False,
) -> None:
    """Work on queued runs, without the studio."""
    from jobs import logs
    from jobs.worker import Worker
    from jobs.worker.messages import check_queue

    devices = gpus.split(",") if gpus else [None]
    if not all(device is None or device.strip().isdigit() for device in devices):
        raise UserError(f"gpus must be numbers such as 0,1; got {gpus!r}.")
    settings = Settings()
    logs.set_up(settings, "worker")
    if end_with_parent:
        _end_with_parent()
    else:
        check_queue(settings)  # under `up` a Redis that went away must not end the studio
    Worker(settings, devices).run()


@app.command(hidden=True)
def page(end_with_parent: EndWithParent = False) -> None:
    """The web page alone; `up` starts it."""
    from jobs import logs
    from jobs.worker.supervise import check_port
    from studio.door import gradio_hooks  # noqa: F401  (first: it imports Gradio as we want it)

    from studio.app import main  # isort: skip

    settings = Settings()
    logs.set_up(settings, "page")
    check_port(settings.host, settings.port)
    if end_with_parent:
        _end_with_parent()
    main(settings)


def _hashed(settings: Settings) -> dict[str, str]:
    """The accounts as environment variables, with hashes where passwords were."""
    from studio.people.login import accounts

    names = {"owner": "EVENKEEL_AUTH", "visitor": "EVENKEEL_VISITOR_AUTH"}
    return {names[account.role]: account.text for account in accounts(settings)}


def _shared_devices(workers: int) -> list[str | None]:
    """The visible devices of each worker: with several GPUs each worker has its own, in turn."""
    from jobs.doctor.devices import count_gpus

    gpus = count_gpus()
    return [str(number % gpus) if gpus > 1 else None for number in range(workers)]


def _end_with_parent() -> None:
    from jobs.process.interpreter import when_parent_ends

    when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
