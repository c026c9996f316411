"""The login: accounts with hashed passwords, a limit on failures, and tokens that expire."""

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import UserError
from jobs.ledger.workspaces import digest
from jobs.settings import Settings
from studio.people import words
from studio.people.rates import Rate

Role = Literal["owner", "visitor"]
TOKEN_SECONDS = 12 * 3600.0
FAILURES_OF_AN_ACCOUNT = 10
FAILURES_OF_ALL = 100
"""Failed logins of all accounts in a minute. While somebody guesses an account's password, its
owner cannot log in either.
"""

_hasher = PasswordHasher()


@dataclass(frozen=True)
class Account:
    """A person with a login. Only the argon2 hash of the password is stored."""

    name: str
    hash: str
    role: Role

    @classmethod
    def from_text(cls, setting: str, text: str, role: Role) -> Self:
        """The account in `USER:PASSWORD`; a password that is a hash already is kept as it is."""
        name, colon, password = text.partition(":")
        if not (name and colon and password):
            raise UserError(f"{setting} must be USER:PASSWORD, and one of the two is missing.")
        if password.startswith("$argon2"):
            return cls(name, password, role)
        return cls(name, _hasher.hash(password), role)

    @property
    def text(self) -> str:
        """`USER:HASH`, which `from_text` reads back."""
        return f"{self.name}:{self.hash}"


def accounts(settings: Settings) -> tuple[Account, ...]:
    """The accounts that the settings name."""
    found = []
    if settings.auth:
        found.append(Account.from_text("auth", settings.auth.get_secret_value(), "owner"))
    if settings.visitor_auth:
        text = settings.visitor_auth.get_secret_value()
        found.append(Account.from_text("visitor_auth", text, "visitor"))
    return tuple(found)


class Logins:
    """Open logins, kept in memory: after a restart everybody logs in again."""

    def __init__(
        self, accounts: Sequence[Account], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._tokens: dict[str, tuple[Role, float]] = {}
        self._failures = Rate(FAILURES_OF_AN_ACCOUNT, clock=clock)
        self._all_failures = Rate(FAILURES_OF_ALL, clock=clock)
        self._nobody = _hasher.hash(secrets.token_hex(16)) if accounts else ""
        """The hash that is checked for unknown names, so that their answer takes as long."""
        self._turn = threading.Lock()
        """Allows one hash at a time: each takes 64 MB."""

    @property
    def has_accounts(self) -> bool:
        """True if there are accounts to log in with."""
        return bool(self._accounts)

    def enter(self, name: str, password: str) -> str:
        """A new token for the right password; a `UserError` otherwise."""
        account = next((a for a in self._accounts if _same(a.name, name)), None)
        key = account.name if account else None  # all unknown names share one limit
        with self._turn:
            if self._failures.is_full(key) or self._all_failures.is_full(None):
                raise UserError(words.Login.too_many.format(limit=FAILURES_OF_AN_ACCOUNT))
            if not _verify(account.hash if account else self._nobody, password) or account is None:
                self._failures.count(key)
                self._all_failures.count(None)
                raise UserError(words.Login.wrong)
            token, now = secrets.token_urlsafe(32), self._clock()
            self._tokens = {k: v for k, v in self._tokens.items() if v[1] > now}
            self._tokens[digest(token)] = (account.role, now + TOKEN_SECONDS)
            return token

    def role(self, token: str | None) -> Role | None:
        """The role of a token's holder; None if the token is not valid."""
        role, until = self._tokens.get(digest(token or ""), (None, 0.0))
        return role if until > self._clock() else None

    def leave(self, token: str | None) -> None:
        """End a token."""
        with self._turn:
            self._tokens.pop(digest(token or ""), None)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _verify(hash: str, password: str) -> bool:
    try:
        return _hasher.verify(hash, password)
    except (VerificationError, InvalidHashError):
        return False
