"""The rpcs of the aggregator: read the request, call, render. `availability` answers AvailabilityService, `fulfilment`
FulfilmentService.
"""

from weir_aggregator.ports import Promises
from weir_aggregator.projection import Pace, Tenants
from weir_aggregator.servicer.availability import AVAILABILITY_POLICY, PREVIEWS_MAX, AvailabilityServicer
from weir_aggregator.servicer.fulfilment import FULFILMENT_POLICY, FulfilmentServicer
from weir_chassis.server import Registration

__all__ = ["POLICIES", "PREVIEWS_MAX", "registrations"]

POLICIES = (AVAILABILITY_POLICY, FULFILMENT_POLICY)


def registrations(
    tenants: Tenants, promises: Promises, pace: Pace, *, previews_max: int = PREVIEWS_MAX
) -> list[Registration]:
    """Both services, answering from the projections of `tenants`; what is planned is promised by `promises`."""
    return [
        AvailabilityServicer(tenants, pace, previews_max=previews_max).registration,
        FulfilmentServicer(tenants, promises).registration,
    ]
