"""Persons, pools and deeds."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, walled by tenant."""
