"""A service as small as can be, for tests of the chassis: shelves that change, and marks that are only ever added."""

from pathlib import Path

SCHEMA = "weir_shelf"
"""Its schema, and the role of its application."""
VERSIONS = Path(__file__).parent / "versions"
"""Where its migrations are."""
OTHER = "weir_other"
"""Another service just like it, which it must not see."""
