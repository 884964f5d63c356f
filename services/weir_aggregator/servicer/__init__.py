"""The rpcs of the aggregator: read the request, call, render. `availability` answers AvailabilityService."""

from weir_aggregator.projection import Pace, Tenants
from weir_aggregator.servicer.availability import AVAILABILITY_POLICY, PREVIEWS_MAX, AvailabilityServicer
from weir_chassis.server import Registration

__all__ = ["POLICIES", "PREVIEWS_MAX", "registrations"]

POLICIES = (AVAILABILITY_POLICY,)


def registrations(tenants: Tenants, pace: Pace, *, previews_max: int = PREVIEWS_MAX) -> list[Registration]:
    """Both services, answering from the projections of `tenants`."""
    return [AvailabilityServicer(tenants, pace, previews_max=previews_max).registration]
