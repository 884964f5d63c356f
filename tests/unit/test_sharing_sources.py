"""What a product may be served from, in the words of sharing: order, places, lots, and the link as it was made."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from weir_allocation.stock import ANY, Demand, Stock, StockItem
from weir_allocation.trace import Verdict
from weir_sharing.domain import Bundle, Component, Product, ProductLink, Serving, Source, SourceKind

BIKE, LAMP, OLD, TOUR = (Product("", sku) for sku in ("BIKE", "LAMP", "OLD", "TOUR"))
TODAY = date(2026, 11, 22)
LINK = ProductLink("", "OLD", "", "BIKE", keep_back=2, priority=5, created=3)


def stock(product: Product, location: str, units: int, lot: str = "", expiry: date | None = None) -> Stock:
    """Units of a product, none of them promised."""
    return Stock(StockItem(*product, location, lot), units, 0, expiry)


def sources(serving: Serving, *there: Stock, demand: Demand = ANY) -> list[Source]:
    """The sources where this lies."""
    holdings: dict[tuple[str, str], list[Stock]] = {}
    for each in there:
        holdings.setdefault((each.item.owner, each.item.sku), []).append(each)
    return serving.sources(holdings, demand, TODAY)


def shape(source: Source) -> tuple[SourceKind, str, int, int, Verdict]:
    """A source without its places."""
    return source.kind, source.product.sku, source.held, source.units, source.verdict


def test_own_stock_then_links_in_serving_order() -> None:
    """A product is served from its own stock, then by links in order of priority and creation, less what each keeps."""
    later, sooner = ProductLink("", "LAMP", "", "BIKE", priority=5, created=4), replace(LINK, created=3)
    serving = Serving(BIKE, None, links=[later, sooner], bundles=())
    assert serving.reads == (BIKE, OLD, LAMP)
    found = sources(serving, stock(BIKE, "DE1", 4), stock(OLD, "DE1", 5), stock(OLD, "DE2", 2), stock(LAMP, "DE1", 1))
    assert list(map(shape, found)) == [
        (SourceKind.OWN, "BIKE", 4, 4, Verdict.COUNTED),
        (SourceKind.LINKED, "OLD", 7, 3, Verdict.COUNTED),
        (SourceKind.LINKED, "LAMP", 1, 1, Verdict.COUNTED),
    ]
    assert [each.link for each in found] == [None, sooner, later]
    assert [(each.location, each.held, each.units, each.verdict) for each in found[1].places] == [
        ("DE1", 5, 3, Verdict.COUNTED),
        ("DE2", 2, 0, Verdict.KEPT_BACK),
    ]
    assert sorted(found, key=lambda each: each.place) == found


def test_a_bidirectional_link_is_named_as_it_was_made() -> None:
    """Seen from its source, the source is what is served, and the link is the one that was created."""
    both = replace(LINK, bidirectional=True, keep_back=0)
    (own, other) = sources(Serving(OLD, None, links=[both], bundles=()), stock(BIKE, "DE1", 4))
    assert shape(own) == (SourceKind.OWN, "OLD", 0, 0, Verdict.EMPTY)
    assert shape(other) == (SourceKind.LINKED, "BIKE", 4, 4, Verdict.COUNTED)
    assert other.link == both


def test_lots_serve_by_expiry_and_not_when_they_are_over() -> None:
    """Lots that serve come earliest expiry first, those that never expire last; an expired one is not among them."""
    lots = [
        stock(BIKE, "DE1", 1, "never"),
        stock(BIKE, "DE1", 1, "later", date(2027, 1, 1)),
        stock(BIKE, "DE1", 1, "today", TODAY),
        stock(BIKE, "DE1", 1, "over", date(2026, 11, 21)),
    ]
    (own,) = sources(Serving(BIKE, None, links=[], bundles=()), *lots)
    assert (own.units, own.places[0].lots) == (3, ("today", "later", "never"))
    (asked,) = sources(Serving(BIKE, None, links=[], bundles=()), *lots, demand=Demand("over"))
    assert (asked.units, asked.verdict, asked.places[0].lots) == (0, Verdict.EXPIRED, ())


def test_a_bundle_is_put_together_of_what_its_components_are_served_from() -> None:
    """Packed stock first, then what can be put together at each place, of components and what stands for them."""
    bundle = Bundle("", "TOUR", (Component("", "BIKE", 1), Component("", "LAMP", 2)))
    serving = Serving(TOUR, bundle, links=[replace(LINK, keep_back=0)], bundles=[TOUR])
    assert serving.reads == (TOUR, BIKE, OLD, LAMP)
    there = [stock(TOUR, "DE1", 1), stock(BIKE, "DE1", 1), stock(OLD, "DE1", 1), stock(LAMP, "DE1", 4)]
    packed, assembled = sources(serving, *there, stock(LAMP, "DE2", 9))
    assert shape(packed) == (SourceKind.OWN, "TOUR", 1, 1, Verdict.COUNTED)
    assert shape(assembled) == (SourceKind.ASSEMBLED, "TOUR", 2, 2, Verdict.COUNTED)
    assert [(each.location, each.units) for each in assembled.places] == [("DE1", 2), ("DE2", 0)]
    *_, in_cartons = sources(serving, *there, demand=Demand(uom="CARTON"))
    assert (in_cartons.units, in_cartons.verdict) == (0, Verdict.UOM_MISMATCH)


def test_links_that_share_nothing_say_why() -> None:
    """A link that is disabled, and one between bundles that does not share what is packed, are told with the reason."""
    off = replace(LINK, disabled=True)
    *_, linked = sources(Serving(BIKE, None, links=[off], bundles=()), stock(OLD, "DE1", 5))
    assert (linked.held, linked.units, linked.verdict) == (5, 0, Verdict.LINK_INACTIVE)
    bundle = Bundle("", "BIKE", (Component("", "LAMP", 1),))
    _, linked, _ = sources(Serving(BIKE, bundle, links=[LINK], bundles=[BIKE, OLD]), stock(OLD, "DE1", 5))
    assert (linked.held, linked.units, linked.verdict) == (5, 0, Verdict.BUNDLE_SHARING_OFF)
