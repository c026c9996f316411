"""Visitors' workspaces, the owners of uploaded data sets, and links to single runs.

Of every secret (a visitor's cookie, the token of a link) only the SHA-256 is kept here.
"""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.errors import UserError
from jobs.ledger.database import open_database
from jobs.ledger.schema import share, upload, workspace
from jobs.settings import Settings

LINKS_OF_A_RUN = 20
"""Older links must be taken back before more are made."""


@dataclass(frozen=True)
class DataSize:
    """The size of some data sets, or a limit on it."""

    size_bytes: int = 0
    images: int = 0


class Workspaces:
    """The owners of the data sets in one data folder. Safe to use from any thread and process.

    A workspace is named by its id; None is the owner of the studio, whose is also what the command
    line made and what no row speaks of.
    """

    def __init__(self, settings: Settings) -> None:
        self._engine = open_database(settings)
        self._writing = self._engine.execution_options(writes=True)

    # --- visitors --------------------------------------------------------------------------------

    def remember(self, token: str) -> str:
        """The id of a visitor's workspace, which has a row from now on.

        Called when something is about to be kept in it: a visitor who only looks leaves no row.
        """
        name, now = workspace_id(token), time.time()
        with self._writing.begin() as connection:
            seen = sa.update(workspace).where(workspace.c.id == name).values(seen=now)
            if connection.execute(seen).rowcount == 0:
                row = {"id": name, "token_hash": digest(token), "created": now, "seen": now}
                connection.execute(sa.insert(workspace).values(**row))
        return name

    # --- data sets -------------------------------------------------------------------------------

    def data_sets(self, owner: str | None) -> set[str]:
        """Ids of the data sets that belong to a workspace."""
        with self._engine.connect() as connection:
            found = sa.select(upload.c.data_id).where(upload.c.workspace == owner)
            return set(connection.execute(found).scalars())

    def is_claimed(self, data_id: str) -> bool:
        """True if the data set has an owner on record."""
        with self._engine.connect() as connection:
            row = sa.select(upload.c.data_id).where(upload.c.data_id == data_id)
            return connection.execute(row).first() is not None

    def kept(self, owner: str | None) -> DataSize:
        """The total size of a workspace's data sets."""
        with self._engine.connect() as connection:
            return _kept(connection, owner)

    def claim(
        self,
        owner: str | None,
        data_id: str,
        title: str,
        more: DataSize,
        limit: DataSize | None = None,
    ) -> None:
        """Count `more` to a data set, new or known, of `owner`; a `UserError` above `limit`.

        The sum is taken in the transaction that writes, so that two uploads at once cannot both
        take the last of it.
        """
        with self._writing.begin() as connection:
            if limit is not None:
                _check(_kept(connection, owner), more, limit)
            known = (upload.c.data_id == data_id) & (upload.c.workspace == owner)
            grown = {
                "size_bytes": upload.c.size_bytes + more.size_bytes,
                "images": upload.c.images + more.images,
            }
            if connection.execute(sa.update(upload).where(known).values(**grown)).rowcount:
                return
            row = {"data_id": data_id, "workspace": owner, "title": title, "created": time.time()}
            row |= {"size_bytes": more.size_bytes, "images": more.images}
            connection.execute(sa.insert(upload).values(**row))

    def measured(self, data_id: str, now: DataSize | None) -> None:
        """Write the real size of a data set; None removes it."""
        row = upload.c.data_id == data_id
        with self._writing.begin() as connection:
            if now is None:
                connection.execute(sa.delete(upload).where(row))
            else:
                values: dict[str, Any] = {"size_bytes": now.size_bytes, "images": now.images}
                connection.execute(sa.update(upload).where(row).values(**values))

    # --- links to a run --------------------------------------------------------------------------

    def share(self, job_id: str) -> str:
        """A new token that shows this run, and nothing else, to whoever has it."""
        token = secrets.token_urlsafe(32)
        with self._writing.begin() as connection:
            if _links(connection, job_id) >= LINKS_OF_A_RUN:
                raise UserError(
                    f"A run may have {LINKS_OF_A_RUN} read-only links, and this one has as many. "
                    "Stop sharing it first, which ends all of them."
                )
            row = {"token_hash": digest(token), "job": job_id, "created": time.time()}
            connection.execute(sa.insert(share).values(**row))
        return token

    def unshare(self, job_id: str) -> None:
        """End every link to a run."""
        with self._writing.begin() as connection:
            connection.execute(sa.delete(share).where(share.c.job == job_id))

    def links(self, job_id: str) -> int:
        """The number of links to a run."""
        with self._engine.connect() as connection:
            return _links(connection, job_id)

    def shared(self, token: str) -> str | None:
        """The run that a token shows; None when there is no such link, or not any more."""
        with self._engine.connect() as connection:
            found = sa.select(share.c.job).where(share.c.token_hash == digest(token))
            return connection.execute(found).scalar_one_or_none()


def digest(token: str) -> str:
    """The SHA-256 of a secret, which is kept in its place."""
    return hashlib.sha256(token.encode()).hexdigest()


def workspace_id(token: str) -> str:
    """The workspace of a visitor's token, whether it has a row yet or not."""
    return digest(token)[:16]


def _kept(connection: sa.Connection, owner: str | None) -> DataSize:
    sums = sa.select(sa.func.sum(upload.c.size_bytes), sa.func.sum(upload.c.images))
    size_bytes, images = connection.execute(sums.where(upload.c.workspace == owner)).one()
    return DataSize(int(size_bytes or 0), int(images or 0))


def _check(kept: DataSize, more: DataSize, limit: DataSize) -> None:
    if kept.images + more.images > limit.images:
        raise UserError(
            f"A workspace may keep {limit.images:,} images: it has {kept.images:,}, and this "
            f"upload brings {more.images:,}. Leave some out."
        )
    if kept.size_bytes + more.size_bytes > limit.size_bytes:
        raise UserError(
            f"A workspace may keep {_megabytes(limit)}: it has {_megabytes(kept)}, and this upload "
            f"brings {_megabytes(more)}. Leave some out, or make the images smaller."
        )


def _megabytes(kept: DataSize) -> str:
    return f"{kept.size_bytes / 1e6:,.0f} MB"


def _links(connection: sa.Connection, job_id: str) -> int:
    count = sa.select(sa.func.count()).select_from(share).where(share.c.job == job_id)
    return int(connection.execute(count).scalar_one())
