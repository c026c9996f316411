"""Names, notes and tags of runs."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """One more column, empty for the runs there are."""
    op.add_column("job", sa.Column("about", sa.JSON))
