"""The first release: one table, made without Alembic. There is nothing to upgrade from."""

revision = "1"
down_revision = None


def upgrade() -> None:
    """Such a store is only ever recognised."""
