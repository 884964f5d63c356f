"""The rpcs of the service: read the request, call, render. `connections`, `rules`, `listings`, `orders` and `sync`
answer the services of these names.
"""

from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.paging import Pages
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_sync.handlers.orders import OrderDesk
from weir_sync.ports.bulk import Bulk
from weir_sync.servicer.connections import CONNECTIONS_POLICY, ConnectionParts, ConnectionServicer
from weir_sync.servicer.listings import LISTINGS_POLICY, ListingServicer
from weir_sync.servicer.orders import ORDERS_POLICY, OrderServicer
from weir_sync.servicer.rules import RULES_POLICY, RuleServicer
from weir_sync.servicer.sync import SYNC_POLICY, Activity, SyncServicer

POLICIES = (CONNECTIONS_POLICY, RULES_POLICY, LISTINGS_POLICY, ORDERS_POLICY, SYNC_POLICY)


def registrations(
    handlers: Handlers[Objects],
    connections: ConnectionParts,
    bulk: Bulk,
    desk: OrderDesk,
    activity: Activity,
    wakeups: Wakeups,
    *,
    rules_max: int,
    listings_max: int,
) -> list[Registration]:
    """All services, answering by `handlers`; a tenant may have so many rules, a connection so many listings."""
    pages = Pages(handlers.origin.cluster)
    return [
        ConnectionServicer(handlers, connections, pages=pages, wakeups=wakeups).registration,
        RuleServicer(handlers, pages=pages, wakeups=wakeups, rules_max=rules_max).registration,
        ListingServicer(handlers, bulk, pages=pages, wakeups=wakeups, listings_max=listings_max).registration,
        OrderServicer(desk, pages=pages).registration,
        SyncServicer(activity, pages=pages, wakeups=wakeups).registration,
    ]
