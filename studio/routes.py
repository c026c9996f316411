"""Files that leave the studio: pictures, run files, exports. Visitors name ids, never paths."""

import re
from collections.abc import Callable
from pathlib import Path

import plotly
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse, Response

from core.embedded import assets, demo_folder
from core.errors import UserError
from studio.context import Studio
from studio.session import is_id
from studio.theme import bundles

RUN_FILES = {
    "config": "config.json",
    "events": "events.jsonl",
    "record": "record.json",
    "prototypes": "prototypes.json",
}
"""What may be downloaded of a run, by role. Weights leave as an export only."""

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


def require_login(request: Request) -> None:
    """Refuse a visitor without a session when the studio asks for a password."""
    app = request.app
    if app.auth is None and app.auth_dependency is None:
        return
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    if not any(request.cookies.get(name) in app.tokens for name in names):
        raise HTTPException(401)


def routes(studio: Studio) -> APIRouter:
    """The studio's own routes, all of them below `/studio`."""
    router = APIRouter(prefix="/studio")
    private = APIRouter(dependencies=[Depends(require_login)])
    _add_assets(router)
    _add_pictures(private, studio)
    _add_downloads(private, studio)
    router.include_router(private)
    return router


def _add_assets(router: APIRouter) -> None:
    """Styles, scripts, fonts and Plotly: the same for everybody, so open."""
    folder = assets() / "studio"
    known = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    known["plotly.min.js"] = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    bundled = bundles()

    @router.get("/assets/{name:path}", include_in_schema=False)
    def asset(name: str) -> Response:
        if name in bundled:
            kind = _TYPES[Path(name).suffix]
            return Response(bundled[name], media_type=kind, headers={**_SAFE, **_FOR_EVER})
        return _file(_found(known.get(name)), _FOR_EVER)


def _add_pictures(router: APIRouter, studio: Studio) -> None:
    demo = demo_folder()
    styles = {"train": demo / "train"}
    styles |= {p.name: p for p in sorted((demo / "ood").glob("*")) if p.is_dir()}

    @router.get("/demo/{style}", include_in_schema=False)
    def demo_picture(style: str) -> FileResponse:
        """One picture of a style of the demo, for the door that opens it."""
        folder = _found(styles.get(style))
        pictures = sorted((folder / "dessert").glob("*")) or sorted(folder.glob("*/*"))
        return _file(_found(next(iter(pictures), None)), _FOR_A_DAY)

    @router.get("/data/{data_id}/thumbs/{sha256}.webp", include_in_schema=False)
    def thumb(data_id: str, sha256: str) -> FileResponse:
        if not is_id(data_id) or not _SHA256.fullmatch(sha256):
            raise HTTPException(404)
        return _file(_or_404(lambda: studio.shelf.thumb(data_id, sha256)), _FOR_EVER)


def _add_downloads(router: APIRouter, studio: Studio) -> None:
    @router.get("/runs/{run_id}/files/{role}", include_in_schema=False)
    def run_file(run_id: str, role: str) -> FileResponse:
        if not is_id(run_id) or role not in RUN_FILES:
            raise HTTPException(404)
        path = studio.folder(run_id).path / RUN_FILES[role]
        return _file(path, {}, f"{run_id}-{RUN_FILES[role]}")

    @router.get("/exports/{run_id}/{name}", include_in_schema=False)
    def export(run_id: str, name: str) -> FileResponse:
        if not is_id(run_id) or not _NAME.fullmatch(name):
            raise HTTPException(404)
        folder = Path(studio.settings.home) / "exports" / run_id
        inside = {p.name: p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()}
        return _file(_found(inside.get(name)), {}, name)


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


def _or_404(find: Callable[[], Path]) -> Path:
    try:
        return find()
    except UserError:
        raise HTTPException(404) from None
