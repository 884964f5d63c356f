"""What taking units for one order does to products that are not in it: they lose what they could be served with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date

from weir_allocation.goods import fit
from weir_allocation.sharing import Sharing
from weir_allocation.stock import ANY, Product, Stock
from weir_allocation.trace import Verdict

READERS_MAX = 100
"""Most products that one unit is counted for."""


def harm(
    sharing: Sharing,
    products: Collection[Product],
    holdings_of: Callable[[Product], Sequence[Stock]],
    locations: Collection[str],
    today: date,
) -> dict[tuple[Product, str], int]:
    """What taking one unit of a product at a location does to others, of all that an order could take.

    `products` are those of the order's lines, `sharing` is all that is configured, and `locations` are those that may
    send. Counted are the products outside the order that the unit could serve where it lies, and that have no unit of
    their own there: of the first hundred that its stock can affect. Only what does harm is in the answer.
    """
    ordered = frozenset(products)
    drawn = sorted({source for product in ordered for source in sharing.reads(product)})
    stocked = _Stocked(holdings_of, today)
    found: dict[tuple[Product, str], int] = {}
    for source in drawn:
        readers = [each for each in sharing.readers(source) if each != source and each not in ordered][:READERS_MAX]
        served = [(reader, list(_ways(sharing, source, reader))) for reader in readers]
        served = [(reader, ways) for reader, ways in served if ways]
        if not served:
            continue
        for location in sorted(stocked.at(source).intersection(locations)):
            harmed = sum(
                any(not way or location in way for way in ways) and location not in stocked.at(reader)
                for reader, ways in served
            )
            if harmed:
                found[source, location] = harmed
    return found


class _Stocked:
    """Where each product has a unit that can be sold, found out once."""

    def __init__(self, holdings_of: Callable[[Product], Sequence[Stock]], today: date) -> None:
        self._holdings_of = holdings_of
        self._today = today
        self._at: dict[Product, frozenset[str]] = {}

    def at(self, product: Product) -> frozenset[str]:
        """The locations where the product has an available unit of its own."""
        if product not in self._at:
            self._at[product] = frozenset(
                stock.item.location
                for stock in self._holdings_of(product)
                if stock.available and not stock.expired(self._today) and fit(stock.item, ANY) is Verdict.COUNTED
            )
        return self._at[product]


def _ways(sharing: Sharing, source: Product, reader: Product) -> Iterator[frozenset[str]]:
    """Where stock of one product can serve another: the locations of each way, empty for anywhere."""
    yield from _lent(sharing, source, reader)
    bundle = sharing.bundles.get(reader)
    if bundle is None or sharing.nested(bundle):
        return
    for part, _ in bundle.parts:
        if part == source:
            yield frozenset()
        yield from _lent(sharing, source, part)


def _lent(sharing: Sharing, source: Product, destination: Product) -> Iterator[frozenset[str]]:
    """Where the link from one product to another lends."""
    for link in sharing.links_to(destination):
        if link.source == source and sharing.verdict(link) is Verdict.COUNTED:
            yield link.locations
