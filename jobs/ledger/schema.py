"""The ledger's tables."""

import sqlalchemy as sa

VERSION = 3
"""Of these tables: the newest revision in `jobs.ledger.migrations`."""
metadata = sa.MetaData()

workspace = sa.Table(
    "workspace",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("token_hash", sa.String, nullable=False, unique=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
)
"""A visitor with data sets and runs. Only the hash of the cookie is kept."""

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False, unique=True),
    sa.Column("workspace", sa.ForeignKey("workspace.id"), index=True),
    sa.Column("key", sa.String, unique=True),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("asked", sa.String),
    sa.Column("priority", sa.Integer, nullable=False, default=0),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("crashes", sa.Integer, nullable=False, default=0),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),
    sa.Column("finished", sa.Float),
    sa.Column("owner", sa.String),
    sa.Column("beat", sa.Integer, nullable=False, default=0),
    sa.Column("error", sa.Text),
    sa.Column("about", sa.JSON),
)
"""A run that was asked for: see `jobs.ledger.job.Job`. Without a workspace it is the owner's."""

event = sa.Table(
    "event",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sqlite_autoincrement=True,  # else SQLite would give a deleted job's numbers out again
)
"""The history of jobs, append-only: each transition writes an entry in its transaction."""

upload = sa.Table(
    "upload",
    metadata,
    sa.Column("data_id", sa.String, primary_key=True),
    sa.Column("workspace", sa.ForeignKey("workspace.id"), index=True),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("images", sa.Integer, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
)
"""An uploaded data set and its owner."""

artifact = sa.Table(
    "artifact",
    metadata,
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("role", sa.String, primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("sha256", sa.String, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)
"""A file that a finished run published, relative to the run's folder."""

share = sa.Table(
    "share",
    metadata,
    sa.Column("token_hash", sa.String, primary_key=True),
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created", sa.Float, nullable=False),
)
"""A read-only link to one run."""
