"""The evaluator's process: the service on HTTP and JSON over a Unix socket in the data folder."""

import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from core.errors import UserError
from core.models.allocator import keep_freed_memory
from jobs import logs
from jobs.evaluator.client import checked_socket
from jobs.evaluator.questions import QUESTIONS, Question
from jobs.evaluator.service import Evaluator
from jobs.process.interpreter import when_parent_ends
from jobs.settings import Settings


def build_app(evaluator: Evaluator) -> FastAPI:
    """One route for each question."""
    app = FastAPI(openapi_url=None)

    @app.exception_handler(UserError)
    def explain(_request: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=422)

    for question in QUESTIONS:
        app.add_route(f"/{question.name()}", _route(evaluator, question), methods=["POST"])
    return app


def _route(
    evaluator: Evaluator, kind: type[Question[Any]]
) -> Callable[[Request], Awaitable[Response]]:
    """Reads a question of this kind, has it answered in a thread of its own, and writes the
    answer.
    """

    def answer(body: bytes) -> bytes:
        question = kind.read(body)
        return question.encode(evaluator.answer(question))

    async def route(request: Request) -> Response:
        answered = await run_in_threadpool(answer, await request.body())
        return Response(answered, media_type="application/json")

    return route


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM; with `--end-with-parent` also until stdin closes."""
    keep_freed_memory()
    if "--end-with-parent" in arguments:
        when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
    settings = Settings()
    logs.set_up(settings, "evaluator")
    evaluator = Evaluator(settings)
    path = checked_socket(settings)
    config = uvicorn.Config(build_app(evaluator), log_config=None, access_log=False)
    with _listening(path) as line:
        try:
            uvicorn.Server(config).run(sockets=[line])
        finally:
            path.unlink(missing_ok=True)


def _listening(path: Path) -> socket.socket:
    """A socket that is there once it listens, for the owner alone: uvicorn opens its own to
    everybody, and the data folder may be open to others.
    """
    unheard = path.with_name("e.tmp")  # no longer than its name, as a path may be 107 bytes long
    unheard.unlink(missing_ok=True)
    line = socket.socket(socket.AF_UNIX)
    line.bind(str(unheard))
    unheard.chmod(0o600)
    line.listen(128)
    unheard.replace(path)
    return line


if __name__ == "__main__":
    main(sys.argv[1:])
