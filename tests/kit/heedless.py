"""A sync that does what it must not: it tells stores their levels whatever was sold there.

python -m tests.kit.heedless serve sync --supervised
"""

from __future__ import annotations

from weir_cli.main import main
from weir_sync.domain.pushing import Standing, Terms


def heedless(standing: Standing) -> int:
    """The level as it is."""
    return standing.level or 0


def unprotected(*_: object) -> bool:
    """Nothing is asked of the store first, or expected of it."""
    return False


if __name__ == "__main__":
    Standing.quantity = property(heedless)  # type: ignore[assignment, method-assign]
    Terms.protects = property(unprotected)  # type: ignore[assignment]
    main()
