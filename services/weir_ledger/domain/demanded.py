"""What orders were promised, counted up."""

from collections.abc import Sequence
from dataclasses import dataclass

from weir_ledger.domain.waiting import Product


@dataclass(frozen=True, slots=True)
class Demand:
    """Units of a product that orders of a channel were promised on a day, in UTC as in `2027-01-31`.

    They are counted as they count under the first claim of their lines where that stands for something, a `subject`.
    """

    day: str
    channel: str
    product: Product
    subject: str
    units: int


@dataclass(frozen=True, slots=True)
class Demanded:
    """What the reservations of some commits were made with, in the order of day, channel, product and subject; of all
    commits up to `through`."""

    sums: Sequence[Demand]
    through: int
    more: bool
