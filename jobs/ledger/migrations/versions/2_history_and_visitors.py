"""Visitors, histories, uploads, artifacts and links; jobs that pause, wait and change places."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """The job table is made again: SQLite cannot add columns that refer or must be unique."""
    op.create_table(
        "workspace",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("token_hash", sa.String, nullable=False, unique=True),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
    )
    _renew_jobs()
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "job",
            sa.String,
            sa.ForeignKey("job.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "upload",
        sa.Column("data_id", sa.String, primary_key=True),
        sa.Column("workspace", sa.String, sa.ForeignKey("workspace.id"), index=True),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "artifact",
        sa.Column("job", sa.String, sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("role", sa.String, primary_key=True),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "share",
        sa.Column("token_hash", sa.String, primary_key=True),
        sa.Column(
            "job",
            sa.String,
            sa.ForeignKey("job.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("created", sa.Float, nullable=False),
    )


def _renew_jobs() -> None:
    op.drop_index("ix_job_state")
    op.rename_table("job", "job_1")
    op.create_table(
        "job",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False, unique=True),
        sa.Column("workspace", sa.String, sa.ForeignKey("workspace.id"), index=True),
        sa.Column("key", sa.String, unique=True),
        sa.Column("state", sa.String, nullable=False, index=True),
        sa.Column("asked", sa.String),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("started", sa.Float),
        sa.Column("finished", sa.Float),
        sa.Column("owner", sa.String),
        sa.Column("beat", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
    )
    op.execute(
        """
        INSERT INTO job (id, seq, state, asked, priority, place, config, attempt, crashes,
                         created, started, finished, owner, beat, error)
        SELECT id, row_number() OVER line, state,
               CASE WHEN cancel_requested AND state = 'running' THEN 'cancel' END,
               0, row_number() OVER line, config, attempt, crashes,
               created, started, finished, owner, beat, error
        FROM job_1 WINDOW line AS (ORDER BY created, id)
        """
    )
    op.drop_table("job_1")
