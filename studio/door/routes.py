"""Routes for downloads, uploads and the login. Visitors name ids, never paths."""

import functools
import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import plotly
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.datastructures import UploadFile

from core.data.stress import EFFECTS
from core.embedded import assets, demo_folder
from core.errors import UserError
from studio.door.theme import bundles
from studio.frame.markup import render
from studio.people.login import TOKEN_SECONDS
from studio.people.visitors import Stranger, Visitors, is_https
from studio.workspace import Workspace
from studio.workspace.runs import RUN_FILES
from studio.workspace.session import Place, is_id
from studio.workspace.studio import Studio

T = TypeVar("T")
FILES_OF_A_REQUEST = 64

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_FOR_A_DAY = {"Cache-Control": "private, max-age=86400"}
_SAFE = {"X-Content-Type-Options": "nosniff"}
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
}


def routes(studio: Studio) -> APIRouter:
    """The studio's own routes, all of them below `/studio`."""
    router = APIRouter(prefix="/studio")
    _add_assets(router)
    _add_login(router, studio.visitors)
    _add_pictures(router, studio)
    _add_downloads(router, studio)
    _add_uploads(router, studio)
    return router


def _owning(studio: Studio) -> Callable[[Request], Workspace]:
    """The workspace of the visitor who sends a request, for `Depends`; 401 for a stranger."""

    def workspace(request: Request) -> Workspace:
        try:
            return Workspace(studio, studio.visitors.require(request))
        except Stranger as error:
            raise HTTPException(401, str(error)) from None

    return workspace


def _add_assets(router: APIRouter) -> None:
    """Add styles, scripts, fonts and Plotly: they are the same for everybody, so they need no
    login.
    """
    folder = assets() / "studio"
    known = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    known["plotly.min.js"] = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    bundled = bundles()

    @router.get("/assets/{name:path}", include_in_schema=False)
    def asset(name: str, request: Request) -> Response:
        if name in bundled:
            kind = _TYPES[Path(name).suffix]
            return Response(bundled[name], media_type=kind, headers={**_SAFE, **_FOR_EVER})
        path = _found(known.get(name))
        if name.endswith(".js") and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                _squeezed(path),
                media_type=_TYPES[".js"],
                headers={
                    **_SAFE,
                    **_FOR_EVER,
                    "Content-Encoding": "gzip",
                    "Vary": "Accept-Encoding",
                },
            )
        return _file(path, _FOR_EVER)


@functools.cache
def _squeezed(path: Path) -> bytes:
    """The compressed file, made once for all visitors. Gradio would compress Plotly's 5 MB again
    for each visitor, which blocks everybody for a third of a second.
    """
    return gzip.compress(path.read_bytes(), 6)


def _add_login(router: APIRouter, visitors: Visitors) -> None:
    logins = visitors.logins

    @router.get("/login", include_in_schema=False)
    def login_page() -> HTMLResponse:
        return HTMLResponse(render("door/login.html", error=""))

    @router.post("/login", include_in_schema=False)
    def login(
        request: Request, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = ""
    ) -> Response:
        try:
            token = logins.enter(name[:200], password[:1000])
        except UserError as error:
            return HTMLResponse(render("door/login.html", error=str(error)), 403)
        query = Place.from_query(dict(request.query_params)).query()
        answer = RedirectResponse(f"../{query}", 303)
        https = is_https(request)
        answer.set_cookie(
            visitors.cookie("login", https),
            token,
            max_age=int(TOKEN_SECONDS),
            httponly=True,
            samesite="lax",
            secure=https,
        )
        return answer

    @router.post("/logout", include_in_schema=False)
    def logout(request: Request) -> Response:
        logins.leave(visitors.login_token(request))
        return RedirectResponse("login", 303)


def _add_pictures(router: APIRouter, studio: Studio) -> None:
    mine = Depends(_owning(studio))
    demo = demo_folder()
    styles = {"train": demo / "train"}
    styles |= {p.name: p for p in sorted((demo / "ood").glob("*")) if p.is_dir()}

    @router.get("/demo/{style}", include_in_schema=False)
    def demo_picture(style: str) -> FileResponse:
        """One image of a style of the demo, for the start page."""
        folder = _found(styles.get(style))
        pictures = sorted((folder / "dessert").glob("*")) or sorted(folder.glob("*/*"))
        return _file(_found(next(iter(pictures), None)), _FOR_A_DAY)

    @router.get("/data/{data_id}/thumbs/{name}.webp", include_in_schema=False)
    def thumb(data_id: str, name: str, mine: Workspace = mine) -> FileResponse:
        sha256, dash, effect = name.partition("-")  # one of the stress set, as `<hash>-night`
        known = effect in EFFECTS if dash else True
        if not is_id(data_id) or not _SHA256.fullmatch(sha256) or not known:
            raise HTTPException(404)
        return _file(_or_404(lambda: mine.data.thumb(data_id, sha256, effect)), _FOR_EVER)


def _add_downloads(router: APIRouter, studio: Studio) -> None:
    mine = Depends(_owning(studio))

    @router.get("/runs/{run_id}/files/{role}", include_in_schema=False)
    def run_file(run_id: str, role: str, mine: Workspace = mine) -> Response:
        if not is_id(run_id) or role not in RUN_FILES:
            raise HTTPException(404)
        path, name = (
            _or_404(lambda: mine.runs.downloads(run_id).path / RUN_FILES[role]),
            RUN_FILES[role],
        )
        if mine.is_owner or not path.is_file():
            return _file(path, {}, f"{run_id}-{name}")
        headers = {"Content-Disposition": f'attachment; filename="{run_id}-{name}"'}
        text = mine.spoken(path.read_text("utf-8"))
        return Response(text, media_type=_TYPES[path.suffix], headers={**_SAFE, **headers})

    @router.get("/exports/{run_id}/{name}", include_in_schema=False)
    def export(run_id: str, name: str, mine: Workspace = mine) -> FileResponse:
        if not is_id(run_id) or not _NAME.fullmatch(name):
            raise HTTPException(404)
        run = _or_404(lambda: mine.runs.downloads(run_id).run_id)
        folder = Path(studio.settings.home) / "exports" / run
        inside = {p.name: p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()}
        return _file(_found(inside.get(name)), {}, name)


def _add_uploads(router: APIRouter, studio: Studio) -> None:
    mine = Depends(_owning(studio))

    @router.post("/uploads", include_in_schema=False)
    async def upload(request: Request, mine: Workspace = mine) -> Response:
        """Store the files of a form, and return their ids in the same order."""
        if mine.is_read_only:
            raise HTTPException(403)
        try:
            mine.uploads.check_room(int(request.headers.get("content-length", 0)))
            async with request.form(max_files=FILES_OF_A_REQUEST, max_fields=0) as form:
                sent = [part for part in form.getlist("files") if isinstance(part, UploadFile)]
                ids = [
                    await run_in_threadpool(mine.uploads.receive, part.filename or "", part.file)
                    for part in sent
                ]
        except UserError as error:
            return PlainTextResponse(str(error), 413)
        return JSONResponse(ids)


def _file(path: Path, headers: dict[str, str], name: str | None = None) -> FileResponse:
    """A file with the right type; Starlette answers ranges, so a download can be resumed."""
    if not path.is_file():
        raise HTTPException(404)
    kind = _TYPES.get(path.suffix, "application/octet-stream")
    return FileResponse(path, media_type=kind, filename=name, headers={**_SAFE, **headers})


def _found(path: Path | None) -> Path:
    if path is None:
        raise HTTPException(404)
    return path


def _or_404(find: Callable[[], T]) -> T:
    try:
        return find()
    except UserError:
        raise HTTPException(404) from None
