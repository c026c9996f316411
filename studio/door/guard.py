"""The second line of defence: filters requests to Gradio and sets the headers of every answer.

Gradio keeps files, states and results under names that a client chooses. The guard checks each
request first: few routes are open, JSON bodies are rewritten, the state of a page belongs to the
browser that made it, and other web sites are refused. Handlers and routes still call
`Visitors.require` themselves.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.settings import Settings
from studio.door import words
from studio.door.csp import policy
from studio.door.theme import first_script
from studio.people.rates import Rate
from studio.people.visitors import Stranger, Visitor, Visitors, is_https, is_loopback, new_token
from studio.workspace.session import Place

JSON_BYTES = 5_000_000
CALLS_PER_ACTION = 10
"""The number of requests per allowed action: ticks and parts of uploads are requests too, but a
page of the studio never sends more.
"""
VISITOR_SECONDS = 180 * 24 * 3600

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
OPEN = (
    ("GET", rf"/assets/{_NAME}"),
    ("GET", rf"/static/js/{_NAME}"),
    ("GET", r"/theme\.css"),
    ("GET", r"/favicon\.ico"),
    ("GET", r"/robots\.txt"),
    ("GET", r"/gradio_api/startup-events"),
    ("GET", rf"/gradio_api/heartbeat/{_NAME}"),
    ("GET", rf"/studio/assets/(?:{_NAME}/)*{_NAME}"),
    ("GET", rf"/studio/demo/{_NAME}"),
    ("GET", r"/studio/login"),
    ("POST", r"/studio/login"),
    ("POST", r"/studio/logout"),
)
"""Routes that are open without a login."""
INSIDE = (
    ("GET", r"/"),
    ("GET", r"/config"),
    ("GET", r"/gradio_api/app_id"),
    ("POST", r"/gradio_api/run/predict"),
    ("POST", r"/gradio_api/component_server/"),
    ("GET", rf"/studio/data/{_NAME}/thumbs/{_NAME}"),
    ("GET", rf"/studio/runs/{_NAME}/files/{_NAME}"),
    ("GET", rf"/studio/exports/{_NAME}/{_NAME}"),
    ("POST", r"/studio/uploads"),
)
"""Further routes for visitors. The studio uses no other route of Gradio, so no other is reachable.
"""

_FIELDS = {
    "/gradio_api/run/predict": ("data", "event_data", "fn_index", "trigger_id", "session_hash"),
    "/gradio_api/component_server/": ("data", "component_id", "fn_name", "session_hash"),
}
"""Fields of a body that are kept. The others would only add ways to attack."""
_TWO_MEANINGS = (b"..", b"//", b"\\", b"%2e", b"%2f", b"%5c", b"%25")
_HASH = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OTHERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}


class Refused(Exception):
    """A request that is not passed on."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Guard:
    """ASGI middleware around everything, Gradio's own middleware included."""

    def __init__(self, app: ASGIApp, visitors: Visitors, settings: Settings) -> None:
        self._app = app
        self._visitors = visitors
        self._settings = settings
        self._open = _matcher(OPEN)
        self._inside = _matcher(INSIDE)
        self._calls = Rate(settings.actions_per_minute * CALLS_PER_ACTION)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or clean it and pass it on, and set the headers of the answer."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return None  # the studio uses no web socket
        request = HTTPConnection(scope)
        answer = _Answer(send, request)
        try:
            self._let_in(request, answer)
            scope, receive = await self._cleaned(scope, receive, request)
        except Refused as refused:
            return await PlainTextResponse(refused.text, refused.status)(scope, receive, answer)
        except Stranger as stranger:
            return await _turned_away(request, stranger)(scope, receive, answer)
        return await self._app(scope, receive, answer)

    def _let_in(self, request: HTTPConnection, answer: "_Answer") -> None:
        """Raise `Refused` or `Stranger` if the request must not pass."""
        scope = request.scope
        _check_path(scope)
        check_origin(request.headers, scope["method"], self._visitors.is_private)
        path, method = scope["path"], scope["method"].replace("HEAD", "GET")
        if self._open(method, path):
            return
        if not self._inside(method, path):
            raise Refused(404)
        # Only the page gives a secret: all other requests come from a page and carry it already.
        if path == "/" and not self._visitors.is_private and not self._visitors.token(request):
            self._greet(request, answer)
        visitor = self._visitors.require(request)
        counts = method == "POST" and visitor.role != "owner"
        if counts and not self._calls.count(_key(visitor)):
            raise Refused(429, words.Visitors.too_fast.format(limit=self._calls.limit))

    def _greet(self, request: HTTPConnection, answer: "_Answer") -> None:
        """Give a browser its secret, which identifies it from this request on."""
        token, https = new_token(), is_https(request)
        name = self._visitors.cookie("visitor", https)
        request.cookies[name] = token
        given = f"{name}={token}; Max-Age={VISITOR_SECONDS}; Path=/; HttpOnly; SameSite=Lax"
        answer.cookies.append(given + ("; Secure" if https else ""))

    async def _cleaned(
        self, scope: Scope, receive: Receive, request: HTTPConnection
    ) -> tuple[Scope, Receive]:
        """The request for Gradio: a canonical body, and session hashes of this browser."""
        path = scope["path"]
        if path == "/":  # uncompressed, because `_Answer` adds a nonce to its scripts
            kept = [(k, v) for k, v in scope["headers"] if k != b"accept-encoding"]
            return {**scope, "headers": kept}, receive
        own = _hasher(request, self._visitors)
        if path.startswith("/gradio_api/heartbeat/"):
            begin, _, session_hash = path.rpartition("/")
            path = f"{begin}/{own(session_hash)}"
            return {**scope, "path": path, "raw_path": path.encode()}, receive
        if path in _FIELDS:
            body = await _read(receive, request.headers, JSON_BYTES)
            body = canonical(body, request.headers, _FIELDS[path], own)
            headers = MutableHeaders(raw=list(scope["headers"]))
            headers["content-length"] = str(len(body))
            return {**scope, "headers": headers.raw}, _replay(body, receive)
        if path == "/studio/uploads":
            return scope, _counted(receive, self._settings.limits.upload_bytes)
        if scope["method"] == "POST":
            return scope, _counted(receive, 10_000)
        return scope, receive


class _Answer:
    """Sends an answer with the headers that every answer must have."""

    def __init__(self, send: Send, request: HTTPConnection) -> None:
        self._send = send
        self._is_page = request.scope["path"] == "/"
        self._nonce = secrets.token_urlsafe(16)
        self._start: Message | None = None
        self._body = b""
        self.cookies: list[str] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": self._headers(message)}
            if self._is_page:
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            await self._send_page(self._start)
            return
        await self._send(message)

    async def _send_page(self, start: Message) -> None:
        body = self._body.replace(b"<head>", b"<head>" + first_script(), 1)
        body = body.replace(b"<script", b'<script nonce="%s"' % self._nonce.encode())
        headers = MutableHeaders(raw=list(start["headers"]))
        if "content-length" in headers and self._body:
            headers["content-length"] = str(len(body))
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        kept = [(k, v) for k, v in message["headers"] if not k.startswith(b"access-control-")]
        headers = MutableHeaders(raw=kept)
        for name, value in _OTHERS.items():
            headers[name] = value
        headers["Content-Security-Policy"] = policy(self._nonce)
        if self._is_page:
            headers["Cache-Control"] = "no-store"
        for cookie in self.cookies:
            headers.append("Set-Cookie", cookie)
        return headers.raw


def check_origin(headers: Headers, method: str, private: bool) -> None:
    """Refuse requests from other web sites, and host names that are not this machine's.

    A private studio has no cookie, so it cannot recognise its own browser by one. It only accepts
    this machine's host names: otherwise a site could point its own name at 127.0.0.1.
    """
    host = headers.get("host", "")
    if private and not is_loopback(urlsplit(f"//{host}").hostname or ""):
        raise Refused(403, words.Refused.wrong_host)
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() not in names(headers):
        raise Refused(403, words.Refused.wrong_origin)
    # Browsers do not send `Origin` with every GET. There the fetch metadata names the site.
    site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
    if site in ("cross-site", "same-site") and not (mode == "navigate" and method == "GET"):
        raise Refused(403, words.Refused.wrong_origin)


def names(headers: Headers) -> list[str]:
    """Host names under which the browser may have called: a relay adds one in a header that other
    sites cannot send.
    """
    told = headers.get("x-forwarded-host", "").split(",")[0].strip().lower()
    return [name for name in (told, headers.get("host", "").lower()) if name]


def canonical(
    body: bytes, headers: Headers, fields: tuple[str, ...], own: Callable[[str], str]
) -> bytes:
    """A JSON body, read and written again: only known fields, no files, session hashes of this
    browser.
    """
    if headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise Refused(415)
    try:
        read = json.loads(body, parse_constant=_no_constant)
        session_hash = read["session_hash"]
        if not _HASH.fullmatch(session_hash) or _names_files(read):
            raise Refused(400)
    except (ValueError, RecursionError, TypeError, KeyError):
        raise Refused(400) from None
    kept = {name: read[name] for name in fields if name in read}
    return json.dumps({**kept, "session_hash": own(session_hash)}).encode()


def _names_files(value: Any) -> bool:
    """True if a value contains what Gradio takes for a file. Pages of the studio send none."""
    if isinstance(value, dict):
        meta = value.get("meta")
        if isinstance(meta, dict) and "_type" in meta:
            return True
        return any(map(_names_files, value.values()))
    return isinstance(value, list) and any(map(_names_files, value))


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _check_path(scope: Scope) -> None:
    """Refuse paths that two programs could read differently."""
    raw = scope.get("raw_path", b"").split(b"?")[0].lower()
    if any(part in raw for part in _TWO_MEANINGS):
        raise Refused(404)
    if not scope["path"].isascii() or not scope["path"].isprintable():
        raise Refused(404)


def _hasher(request: HTTPConnection, visitors: Visitors) -> Callable[[str], str]:
    """A function from the browser's session hash to one that no other browser can name."""
    key = f"{visitors.token(request) or ''}\0{visitors.login_token(request) or ''}"

    def own(session_hash: str) -> str:
        if not _HASH.fullmatch(session_hash):
            raise Refused(404)
        return hashlib.sha256(f"{key}\0{session_hash}".encode()).hexdigest()[:32]

    return own


def _key(visitor: Visitor) -> str:
    return f"{visitor.role}:{visitor.workspace}:{visitor.link}"


def _turned_away(request: HTTPConnection, stranger: Stranger) -> Response:
    """The login page for a browser that opens the page; otherwise a plain sentence."""
    if request.scope["path"] != "/":
        return PlainTextResponse(str(stranger), 401)
    if "share" in request.query_params:
        return PlainTextResponse(str(stranger), 404)
    query = Place.from_query(dict(parse_qsl(request.url.query))).query()
    return RedirectResponse(f"studio/login{query}", 303)


def _matcher(routes: tuple[tuple[str, str], ...]) -> Callable[[str, str], bool]:
    known = [(method, re.compile(pattern)) for method, pattern in routes]
    return lambda method, path: any(m == method and p.fullmatch(path) for m, p in known)


async def _read(receive: Receive, headers: Headers, limit: int) -> bytes:
    if int(headers.get("content-length", "0") or 0) > limit:
        raise Refused(413, words.Refused.body_too_large.format(limit=limit // 1_000_000))
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise Refused(413, words.Refused.body_too_large.format(limit=limit // 1_000_000))
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _counted(receive: Receive, limit: int) -> Receive:
    """`receive` that stops when more bytes arrive than the limit."""
    total = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            return {"type": "http.disconnect"}
        return message

    return counted
