"""All there is at one revision, in parts."""

from collections.abc import Sequence
from dataclasses import dataclass

from weir_ledger.domain.reservations import Claim
from weir_ledger.domain.stock import Balance, Lot
from weir_ledger.domain.waiting import BackOrders, PlannedWaiting


@dataclass(frozen=True, slots=True)
class Part:
    """Some of all the books at `revision`."""

    revision: int
    lots: Sequence[Lot] = ()
    balances: Sequence[Balance] = ()
    waiting: Sequence[PlannedWaiting] = ()
    back_orders: Sequence[BackOrders] = ()
    claims: Sequence[Claim] = ()
