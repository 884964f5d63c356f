"""A sync that does what it must not: it tells stores their levels whatever was sold there.

python -m tests.kit.heedless serve sync --supervised
"""

from __future__ import annotations

from weir_cli.main import main
from weir_sync.connectors.port import Level
from weir_sync.domain.pushing import Standing, Terms
from weir_sync.worker import pusher


def heedless(standing: Standing, terms: Terms) -> Level:
    """The level as it is, over whatever the store shows."""
    assert standing.level is not None
    assert standing.sent_number is not None
    return Level(standing.store_sku, standing.level, standing.sent_number)


if __name__ == "__main__":
    pusher.level = heedless
    main()
