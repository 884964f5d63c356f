"""Run the migrations of one service on the connection it is handed; alembic executes this file."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table_schema=context.config.attributes["schema"]
)
with context.begin_transaction():
    context.run_migrations()
