"""Recognises visitors: the owner, a visitor with a workspace, or a guest of one run.

A studio that only this machine can reach has no login: everybody who opens it is the owner. If
other machines can reach it (another address, a share link, a password, `--public`), every browser
is a visitor with its own cookie, and the owner logs in.
"""

import ipaddress
import re
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from core.errors import UserError
from jobs.ledger.workspaces import Workspaces, digest, workspace_id
from jobs.settings import Settings
from studio.people import words
from studio.people.login import Logins
from studio.people.rates import Rate

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 random bytes as `secrets.token_urlsafe` writes them."""


class Stranger(UserError):
    """A person who must log in first, or whose link has ended."""


@dataclass(frozen=True)
class Visitor:
    """The person behind a request. A page shows and changes only what belongs to this person."""

    role: Literal["owner", "visitor", "guest"]
    workspace: str | None = None
    """The id of the visitor's workspace; None for the owner and for a guest, who have none."""
    run: str | None = None
    """The one run that a guest sees."""
    token: str = ""
    """The secret of the cookie, by which a visitor is recognised once something is stored."""
    link: str = ""
    """The token of a guest's link."""

    def __repr__(self) -> str:  # secrets stay out of logs
        return f"Visitor({self.role}, {self.workspace or self.run or ''})"


OWNER = Visitor("owner")


class Visitors:
    """Recognises visitors: every handler and route calls `require`."""

    def __init__(self, settings: Settings, logins: Logins, workspaces: Workspaces) -> None:
        self._workspaces = workspaces
        self._public = settings.public
        self.logins = logins
        self.is_private = is_private(settings)
        self._actions = Rate(settings.actions_per_minute)
        self._suffix = digest(str(settings.home))[:8]
        """A suffix of cookie names: cookies ignore ports, so two studios on one machine need
        different names.
        """

    def require(self, request: Any) -> Visitor:
        """The visitor who sent a request of Gradio or Starlette; raises `Stranger` if nobody may
        act on it.
        """
        link = request.query_params.get("share")
        if link is not None:
            run = self._workspaces.shared(link) if _TOKEN.fullmatch(link) else None
            if run is None:
                raise Stranger(words.Login.no_link)
            return Visitor("guest", run=run, link=link)
        if self.is_private:
            return OWNER
        role = self.logins.role(self.login_token(request))
        if role == "owner":
            return OWNER
        token = self.token(request)
        if token and (self._public or role == "visitor"):
            return Visitor("visitor", workspace_id(token), token=token)
        raise Stranger(words.Login.needed)

    def offers(self, visitor: Visitor) -> dict[str, bool]:
        """The buttons that the page offers: log in, log out."""
        may = self.logins.has_accounts and visitor.role != "guest"
        unknown = self._public and visitor.role == "visitor"
        return {"log_in": may and unknown, "log_out": may and not unknown}

    def count(self, visitor: Visitor) -> None:
        """Count an action of a visitor; a `UserError` if there were too many in this minute."""
        if visitor.role != "owner" and not self._actions.count(visitor.workspace or visitor.run):
            raise UserError(words.Visitors.too_fast.format(limit=self._actions.limit))

    def token(self, request: Any) -> str | None:
        """The secret of a browser; None if it has none yet."""
        token = request.cookies.get(self.cookie("visitor", is_https(request)))
        return token if token and _TOKEN.fullmatch(token) else None

    def login_token(self, request: Any) -> str | None:
        """The secret of a login."""
        token: str | None = request.cookies.get(self.cookie("login", is_https(request)))
        return token

    def cookie(self, kind: Literal["visitor", "login"], https: bool) -> str:
        """The name of a cookie. With `__Host-`, no page of a neighbouring host can set it."""
        return f"{'__Host-' if https else ''}ek-{kind}-{self._suffix}"


def new_token() -> str:
    """A new secret for a browser."""
    return secrets.token_urlsafe(32)


def is_https(request: Any) -> bool:
    """True if the browser speaks TLS to the studio, or to the relay in front of it."""
    told = request.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return bool((told or request.url.scheme) == "https")


def is_private(settings: Settings) -> bool:
    """True if only this machine can reach the studio and no password is set."""
    asked = settings.auth or settings.visitor_auth or settings.public or settings.share
    return is_loopback(settings.host) and not asked


def is_loopback(host: str) -> bool:
    """True if a host name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_open(settings: Settings) -> None:
    """Raise a `UserError` if other machines could reach the studio without a password and without
    `--public`.
    """
    others = settings.share or not is_loopback(settings.host)
    if others and not (settings.auth or settings.visitor_auth or settings.public):
        way = "share opens a public link" if settings.share else f"{settings.host} can be reached"
        raise UserError(
            f"{way}, and anybody could come in: set EVENKEEL_AUTH=USER:PASSWORD, or say --public "
            "to let everybody in as a visitor."
        )
