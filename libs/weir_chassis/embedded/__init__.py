"""A Postgres of the suite's own, for whoever has none: started in a directory, joined by every process that names it.

    postgres = EmbeddedPostgres(directory)
    postgres.start()
    try:
        ...  # postgres.url("weir_ledger", password)
    finally:
        postgres.stop()

It keeps what it acknowledged: kill it, or whoever started it, in any way, and the next start goes on from there. It
listens on loopback only, on a free port that the directory keeps, and asks everybody for a password.
"""

from weir_chassis.embedded.binaries import PostgresNotFound
from weir_chassis.embedded.server import EmbeddedPostgres, EmbeddedPostgresFailed, default_directory

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresFailed", "PostgresNotFound", "default_directory"]
