"""The rpcs of the service: read the request, call, render. `people` answers PoolingService, `transfers`, `cases` and
`alerts` the services of these names.
"""

from weir_chassis.configuration.handlers import Handlers
from weir_chassis.paging import Pages
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_pooling.handlers.settling import Settling
from weir_pooling.ports import Holdings, Pooling
from weir_pooling.servicer.alerts import ALERTS_POLICY, AlertServicer
from weir_pooling.servicer.cases import CASES_POLICY, CaseServicer
from weir_pooling.servicer.people import PEOPLE_POLICY, PoolingServicer
from weir_pooling.servicer.transfers import TRANSFERS_POLICY, TransferServicer

POLICIES = (PEOPLE_POLICY, TRANSFERS_POLICY, CASES_POLICY, ALERTS_POLICY)


def registrations(
    handlers: Handlers[Pooling],
    settling: Settling[Pooling],
    holdings: Holdings,
    wakeups: Wakeups,
    *,
    par_levels_max: int,
) -> list[Registration]:
    """All services, answering by `handlers`; `settling` has deeds done, `holdings` says who holds what, a person may
    have so many par levels.
    """
    pages = Pages(handlers.origin.cluster)
    return [
        PoolingServicer(handlers, holdings, pages=pages, wakeups=wakeups).registration,
        TransferServicer(handlers, settling, pages=pages, wakeups=wakeups).registration,
        CaseServicer(handlers, settling, pages=pages, wakeups=wakeups).registration,
        AlertServicer(handlers, pages=pages, wakeups=wakeups, par_levels_max=par_levels_max).registration,
    ]
