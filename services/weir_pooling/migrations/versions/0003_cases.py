"""Cases, what was used in them and what was said on them."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables, walled by tenant."""
