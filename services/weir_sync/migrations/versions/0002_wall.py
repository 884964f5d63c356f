"""Walls by which statements are planned for what a tenant has.

A tenant whose rows came after the newest statistics was taken for one that has none, and a statement that changes
many rows then went through all of the tenant's for each: seconds instead of milliseconds, until statistics were
taken again.
"""

from weir_chassis.migrations import rewall

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the walls of all tables anew."""
    rewall()
