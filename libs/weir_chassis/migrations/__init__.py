"""Make a schema what the code expects, forward only, and refuse to run where it is anything else.

Each service keeps `migrations/versions/NNNN_word.py`, plain alembic files without a downgrade, each opening with why:

    from weir_chassis.migrations import foundation, script, wall

    revision = "0001"
    down_revision = None

    def upgrade() -> None:
        foundation()
        script("CREATE TABLE links (tenant text NOT NULL, ...);")
        wall("links")

They run as the owner of the schema, who is never the role of the application: that one may read and write rows, within
row-level security, and change no table.
"""

from weir_chassis.migrations.bootstrap import MigrationFailed
from weir_chassis.migrations.running import SchemaUnfit, bump_epoch, check, migrate, owning
from weir_chassis.migrations.steps import OWN, foundation, permit, rewall, rewrite, script, wall

__all__ = [
    "OWN",
    "MigrationFailed",
    "SchemaUnfit",
    "bump_epoch",
    "check",
    "foundation",
    "migrate",
    "owning",
    "permit",
    "rewall",
    "rewrite",
    "script",
    "wall",
]
