"""Begin from a state that includes what the caller asked for, and wait no longer than the caller does."""

from __future__ import annotations

from weir_aggregator.projection import Projection, Tenants, caught_up
from weir_chassis import call
from weir_chassis.revisions import Vector

MARGIN_SECONDS = 0.05
"""Part of a caller's deadline that is kept for saying that it was not enough."""
ROUNDING = 0.01
"""Share of a deadline by which gRPC may lengthen it on its way here: it travels in few digits, rounded up."""
PATIENCE_SECONDS = 10.0
"""How long a call without a deadline waits for what it asked for."""


async def fresh(tenants: Tenants, asked: Vector) -> Projection:
    """The projection of the calling tenant once it includes what was asked for.

    Raises TenantsExhausted; RevisionForeign; and when the caller's time is nearly over NotCaughtUp while the tenant is
    being loaded, RevisionNotReached while a revision is awaited.
    """
    projection = tenants.projection(call.tenant())
    if not projection.caught_up:
        await caught_up(projection, patience_seconds())
    if asked:
        await projection.reach(asked, patience_seconds())
    return projection


def patience_seconds() -> float:
    """How long the caller can wait, with time left to be told that it was not enough."""
    left = call.remaining_seconds()
    return PATIENCE_SECONDS if left is None else max(0.0, left * (1 - ROUNDING) - MARGIN_SECONDS)
