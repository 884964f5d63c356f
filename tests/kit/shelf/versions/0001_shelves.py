"""Shelves can be changed; marks are never."""

from weir_chassis.migrations import foundation, script, wall

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make both tables."""
    foundation()
    script(
        """
        CREATE TABLE shelves (
            tenant text NOT NULL, shelf text NOT NULL, units bigint NOT NULL CHECK (units >= 0),
            PRIMARY KEY (tenant, shelf)
        );
        CREATE TABLE marks (
            tenant text NOT NULL, number bigint NOT NULL, note text NOT NULL,
            PRIMARY KEY (tenant, number)
        );
        """
    )
    wall("shelves")
    wall("marks", append_only=True)
