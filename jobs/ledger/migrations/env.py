"""What Alembic runs: the steps, on the connection and in the transaction that `upgrade` was given.

Each step says in plain operations what changed then. It imports no table of ours: those go on
changing.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
