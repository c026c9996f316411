"""Runs the migration steps in Alembic, on the connection and in the transaction of `upgrade`.

Each step lists the changes of its release as plain operations. It imports no table of ours, because
those go on changing.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
