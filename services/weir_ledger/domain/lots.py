"""Say until when lots can be sold."""

from collections.abc import Iterable
from dataclasses import dataclass

from weir_chassis.errors import EtagStale
from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.stock import Lot, LotName


@dataclass(frozen=True, slots=True)
class SetLot(Command[Lot]):
    """Write what is known of a lot; an empty etag overwrites whatever is there, and what is so already stays as it
    is."""

    lot: Lot
    etag: str

    def lots(self) -> Iterable[LotName]:
        return (self.lot.name,)

    def decide(self, page: Page) -> Lot:
        found = page.lot(self.lot.name)
        current = "" if found is None else str(found.revision)
        if self.etag and self.etag != current:
            raise EtagStale(current=current)
        if found is not None and found.expiry == self.lot.expiry:
            return found
        return page.keep_lot(self.lot)
