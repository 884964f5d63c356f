"""What is counted, where it lies, and how many there are."""

import enum
from datetime import datetime

from msgspec import Struct

QUANTITY_MAX = 10**9
"""Most units one line or movement may name."""

ON_HAND_MAX = 9 * 10**18
"""Most units a balance can hold; below 2^63."""


class Condition(enum.IntEnum):
    """State of goods. Only sellable units count as available."""

    SELLABLE = 1
    HOLD = 2
    DAMAGED = 3


class LocationKind(enum.IntEnum):
    """Sort of place that holds stock."""

    WAREHOUSE = 1
    STORE = 2
    FACILITY = 3
    TRUNK = 4


class Location(Struct, frozen=True):
    """A place that holds stock; `revision` is that of its last change."""

    location: str
    kind: LocationKind
    display_name: str = ""
    revision: int = 0


class BookedLocation(Struct, frozen=True):
    """A location, and how many stock items were ever booked there."""

    location: Location
    stock_items: int


LotName = tuple[str, str, str]
"""Owner, stock keeping unit and batch: what names a lot."""


class Lot(Struct, frozen=True):
    """What is known of a batch of a product; `revision` is that of its last change, 0 where nothing is known.

    `expiry` is the last day on which its units count as available to channels, as in `2027-01-31`, empty if they never
    expire. Nothing in the books looks at it.
    """

    owner: str
    sku: str
    lot: str
    expiry: str = ""
    revision: int = 0

    @property
    def name(self) -> LotName:
        """What it is known by."""
        return self.owner, self.sku, self.lot


class StockItem(Struct, frozen=True, cache_hash=True, gc=False):
    """One physical row of the ledger of a tenant: the smallest thing that units are counted for."""

    owner: str
    sku: str
    location: str
    lot: str = ""
    uom: str = "EACH"
    custodian: str = ""
    condition: Condition = Condition.SELLABLE

    @property
    def goods(self) -> tuple[str, str, str, str]:
        """What lies there, wherever it is and whoever answers for it: owner, product, lot and unit of measure."""
        return self.owner, self.sku, self.lot, self.uom


class Balance(Struct, frozen=True, gc=False):
    """The counts of one stock item; `revision` is that of their last change, 0 while it is being written.

    `counted_at` is when the units on hand were last counted or reported, None if never. `expiry` is that of the lot, as
    it was known when the balance was read; it is empty in the books, where nothing looks at it.
    """

    item: StockItem
    on_hand: int = 0
    reserved: int = 0
    revision: int = 0
    counted_at: datetime | None = None
    expiry: str = ""

    @property
    def available(self) -> int:
        """Units that may still be promised; 0 of goods that are not sellable."""
        if self.item.condition is not Condition.SELLABLE:
            return 0
        return max(0, self.on_hand - self.reserved)

    @property
    def shortfall(self) -> int:
        """Promised units that are not there."""
        return max(0, self.reserved - self.on_hand)
