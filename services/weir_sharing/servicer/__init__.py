"""The rpcs of the service: read the request, call, render. `network` answers NetworkService, `products`
SharingService.
"""

from weir_chassis.configuration.handlers import Handlers
from weir_chassis.paging import Pages
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_sharing.ports import Ledger, Network
from weir_sharing.servicer.network import NETWORK_POLICY, NetworkServicer
from weir_sharing.servicer.products import SHARING_POLICY, SharingServicer

POLICIES = (NETWORK_POLICY, SHARING_POLICY)


def registrations(handlers: Handlers[Network], ledger: Ledger, wakeups: Wakeups) -> list[Registration]:
    """Both services, answering by `handlers`; `ledger` says what lies where."""
    pages = Pages(handlers.origin.cluster)
    return [
        NetworkServicer(handlers, pages=pages, wakeups=wakeups).registration,
        SharingServicer(handlers, ledger, pages=pages, wakeups=wakeups).registration,
    ]
