"""From the ledger's older tables to those of `jobs.ledger.schema`, step by step, by Alembic."""

import sqlalchemy as sa


def upgrade(connection: sa.Connection, version: int) -> None:
    """Bring tables of `version` up to date, in the transaction that `connection` is in."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "jobs.ledger:migrations")
    config.attributes["connection"] = connection
    command.stamp(config, str(version))  # the first release left no note of its version
    command.upgrade(config, "head")
