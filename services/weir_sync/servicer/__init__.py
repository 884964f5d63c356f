"""The rpcs of the service: read the request, call, render. `connections` and `rules` answer the services of these names.
"""

from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.paging import Pages
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_sync.servicer.connections import CONNECTIONS_POLICY, ConnectionParts, ConnectionServicer
from weir_sync.servicer.rules import RULES_POLICY, RuleServicer

POLICIES = (CONNECTIONS_POLICY, RULES_POLICY)


def registrations(
    handlers: Handlers[Objects],
    connections: ConnectionParts,
    wakeups: Wakeups,
    *,
    rules_max: int,
) -> list[Registration]:
    """All services, answering by `handlers`; a tenant may have so many rules."""
    pages = Pages(handlers.origin.cluster)
    return [
        ConnectionServicer(handlers, connections, pages=pages, wakeups=wakeups).registration,
        RuleServicer(handlers, pages=pages, wakeups=wakeups, rules_max=rules_max).registration,
    ]
