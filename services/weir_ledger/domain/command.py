"""What every decision of the ledger has in common.

A command names the stock items and reservations it has to see, and decides on a page that holds them: it books what
it changes and returns the receipt its caller gets, or raises the refusal that says why not. None of them knows the
tenant, the request id, or whether the page is ever stored.
"""

from collections.abc import Iterable
from typing import Generic, TypeVar

from weir_ledger.domain.books import Page
from weir_ledger.domain.snapshots import Lookback
from weir_ledger.domain.stock import LotName, StockItem
from weir_ledger.domain.waiting import Product

Receipt = TypeVar("Receipt", covariant=True)


class Command(Generic[Receipt]):
    """A request to change the books."""

    __slots__ = ()

    def items(self) -> Iterable[StockItem]:
        """Stock items the decision reads, as far as the request names them."""
        return ()

    def reservations(self) -> Iterable[str]:
        """Reservations the decision reads, with all stock items of their lines."""
        return ()

    def claims(self) -> Iterable[str]:
        """Keys of claims the decision reads; those of lines of `reservations` need not be named."""
        return ()

    def channels(self) -> Iterable[str]:
        """Channels whose holdings the decision reads; those of `reservations` need not be named."""
        return ()

    def locations(self) -> Iterable[str]:
        """Locations the decision changes; those of `items` are known to exist or not without being named here."""
        return ()

    def lots(self) -> Iterable[LotName]:
        """Lots the decision changes."""
        return ()

    def waiting(self) -> Iterable[str]:
        """Waiting demands the decision reads, with how much of their products waits."""
        return ()

    def products(self) -> Iterable[Product]:
        """Products of which the decision reads how much may wait and does; those of `waiting` need not be named."""
        return ()

    def importing(self) -> str | None:
        """Request id of the import that the command carries on, empty where it only checks; None of any other command.

        What became of such a request id is kept by the progress of the import, not as the outcome of the command.
        """
        return None

    def lookback(self, page: Page) -> Lookback | None:
        """What the decision has to know of the past, now that the balances are known; None for nothing."""
        return None

    def stands_alone(self) -> bool:
        """Whether it is carried out in a group of its own: it changes more than the books of a group hold."""
        return self.importing() is not None or any(self.locations()) or any(self.lots())

    def size(self) -> int:
        """About how many entries and claims it writes."""
        return 1

    def decide(self, page: Page) -> Receipt:
        """Book what the request changes; raises the refusal that says why nothing may."""
        raise AssertionError(type(self))
