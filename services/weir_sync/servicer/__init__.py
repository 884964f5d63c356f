"""The rpcs of the service: read the request, call, render. `rules` answers RuleService."""

from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.paging import Pages
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_sync.servicer.rules import RULES_POLICY, RuleServicer

POLICIES = (RULES_POLICY,)


def registrations(handlers: Handlers[Objects], wakeups: Wakeups, *, rules_max: int) -> list[Registration]:
    """All services, answering by `handlers`; a tenant may have so many rules."""
    pages = Pages(handlers.origin.cluster)
    return [RuleServicer(handlers, pages=pages, wakeups=wakeups, rules_max=rules_max).registration]
