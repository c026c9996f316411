"""The evaluator's process: the service on HTTP and JSON over a Unix socket in the data folder."""

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from core.errors import UserError
from core.models.allocator import keep_freed_memory
from core.results.records import Mixing, write_json
from jobs import logs
from jobs.evaluator.catalogue import catalogue_path
from jobs.evaluator.client import checked_socket
from jobs.evaluator.service import Evaluator
from jobs.process.lifeline import when_parent_ends
from jobs.settings import Settings


class CheckCombination(BaseModel):
    """What finished runs are to be made into."""

    method: str
    runs: list[str]


class PlainClip(BaseModel):
    """Plain CLIP on a data set."""

    data: Path
    model: str = "embedded"
    templates: str | tuple[str, ...] = "dataset"


class ZeroShot(PlainClip):
    """The same, with other names for some class folders."""

    names: dict[str, str] | None = None


class OfMethod(PlainClip):
    """A method on the features of plain CLIP."""

    method: str


class OfModel(BaseModel):
    """A model by its name."""

    model: str = "embedded"


class UnderMixing(BaseModel):
    """A finished run under a mixing."""

    run: str
    mixing: Mixing


class Predict(UnderMixing):
    """Classify one image."""

    image: Path


class CorrectTemplates(BaseModel):
    """Spurious prototypes of a finished run, without some templates."""

    run: str
    excluded: tuple[str, ...] | None = None


class Export(UnderMixing):
    """Write for another program."""

    format: str = "open_clip"


class Check(BaseModel):
    """A config as the user wrote it."""

    config: dict[str, Any]


def build_app(evaluator: Evaluator) -> FastAPI:
    """The routes. Each is a plain function, so that FastAPI runs it in a thread of its own."""
    app = FastAPI(openapi_url=None)

    @app.exception_handler(UserError)
    def explain(_request: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=422)

    @app.exception_handler(RequestValidationError)
    def refuse(_request: Request, error: RequestValidationError) -> JSONResponse:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"][1:])
        return JSONResponse({"error": f"{where}: {problem['msg']}."}, status_code=422)

    @app.get("/health")
    def health() -> dict[str, Any]:
        return {"ready": True, "pid": os.getpid()}

    @app.get("/catalogue")
    def catalogue() -> dict[str, Any]:
        return evaluator.catalogue()

    @app.post("/check")
    def check(body: Check) -> dict[str, Any]:
        return {"config": evaluator.check(body.config)}

    @app.post("/check-combination")
    def check_combination(body: CheckCombination) -> dict[str, Any]:
        return {"config": evaluator.check_combination(body.method, body.runs)}

    @app.post("/zero-shot")
    def zero_shot(body: ZeroShot) -> dict[str, Any]:
        return evaluator.zero_shot(body.data, body.model, body.templates, body.names)

    @app.post("/shots")
    def shots(body: PlainClip) -> dict[str, Any]:
        return evaluator.shots(body.data, body.model, body.templates)

    @app.post("/cross-validate")
    def cross_validate(body: OfMethod) -> dict[str, Any]:
        return evaluator.cross_validate(body.data, body.model, body.templates, body.method)

    @app.post("/prototypes")
    def prototypes(body: PlainClip) -> dict[str, Any]:
        return evaluator.prototypes(body.data, body.model, body.templates)

    @app.post("/footprint")
    def footprint(body: OfModel) -> dict[str, Any]:
        return evaluator.footprint(body.model)

    @app.post("/measure")
    def measure(body: UnderMixing) -> dict[str, Any]:
        return evaluator.measure(body.run, body.mixing)

    @app.post("/inspect")
    def inspect(body: UnderMixing) -> dict[str, Any]:
        return evaluator.inspect(body.run, body.mixing)

    @app.post("/feature-space")
    def feature_space(body: UnderMixing) -> dict[str, Any]:
        return evaluator.feature_space(body.run, body.mixing.alpha)

    @app.post("/correct-templates")
    def correct_templates(body: CorrectTemplates) -> dict[str, Any]:
        return evaluator.correct_templates(body.run, body.excluded)

    @app.post("/predict")
    def predict(body: Predict) -> dict[str, Any]:
        return evaluator.predict(body.run, body.mixing, body.image)

    @app.post("/export")
    def export(body: Export) -> dict[str, Any]:
        return evaluator.export(body.run, body.mixing, body.format)

    return app


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM; with `--end-with-parent` also until stdin closes."""
    keep_freed_memory()
    if "--end-with-parent" in arguments:
        when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
    settings = Settings()
    logs.set_up(settings, "evaluator")
    evaluator = Evaluator(settings)
    write_json(catalogue_path(settings), evaluator.catalogue())
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
