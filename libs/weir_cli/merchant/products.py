"""Judge what a folder says of products: links between them, bundles, lots, how many may wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from weir_cli.merchant.judging import locations_named, missing, twice, unknown
from weir_cli.merchant.values import (
    BACK_ORDERS,
    BUNDLES,
    LOCATIONS,
    LOTS,
    PRODUCT_LINKS,
    Fault,
    Known,
    Merchant,
    Product,
    Row,
)
from weir_cli.sheets import UNREADABLE

COMPONENTS_MAX = 100


def faults(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """Everything that does not fit together."""
    yield from twice(LOTS, merchant.rows(LOTS), lambda row: (*row.product(), row["lot"]), "lot")
    yield from twice(BACK_ORDERS, merchant.rows(BACK_ORDERS), lambda row: row.product(), "product")
    yield from _bundles(merchant, known)
    yield from _links(merchant, known)
    yield from _kinds(merchant, known)


def source(row: Row) -> Product:
    """The product whose stock a link shares."""
    return row.product("source", "source_owner")


def destination(row: Row) -> Product:
    """The product whose demand a link serves."""
    return row.product("destination", "destination_owner")


def bundle(row: Row) -> Product:
    """The bundle that a component is of."""
    return row.product("bundle")


def component(row: Row) -> Product:
    """A part of a bundle."""
    return row.product("component", "component_owner")


def called(product: Product) -> str:
    """A product in a sentence; the owner is named where it is not the tenant."""
    owner, sku = product
    return f"{owner}/{sku}" if owner else sku


def _bundles(merchant: Merchant, known: Known) -> Iterator[Fault]:
    rows = merchant.rows(BUNDLES)
    yield from twice(BUNDLES, rows, lambda row: (*bundle(row), *component(row)), "component")
    ours = {bundle(row): row for row in reversed(rows)}
    parts = {part: parent for parent, inside in known.bundles.items() if parent not in ours for part in inside}
    sizes: Counter[Product] = Counter()
    for row in rows:
        if UNREADABLE in (*bundle(row), *component(row)):
            continue
        if component(row) in ours:
            where = f"line {ours[component(row)].line}"
            yield Fault(
                BUNDLES, row.line, f"{called(component(row))} is a bundle itself ({where}); bundles do not nest."
            )
        elif component(row) in known.bundles:
            told = f"{called(component(row))} is a bundle itself, as the suite knows; bundles do not nest."
            yield Fault(BUNDLES, row.line, told)
        sizes[bundle(row)] += 1
        if sizes[bundle(row)] == 1 and bundle(row) in parts:
            told = f"{called(bundle(row))} is a component of bundle {called(parts[bundle(row)])}; bundles do not nest."
            yield Fault(BUNDLES, row.line, told)
        if sizes[bundle(row)] == COMPONENTS_MAX + 1:
            yield Fault(BUNDLES, row.line, f"{called(bundle(row))} has more than {COMPONENTS_MAX} components.")


def _links(merchant: Merchant, known: Known) -> Iterator[Fault]:
    rows = merchant.rows(PRODUCT_LINKS)
    yield from twice(PRODUCT_LINKS, rows, lambda row: (*source(row), *destination(row)), "link")
    locations = locations_named(merchant, known) | known.named
    lines = {(source(row), destination(row)): row for row in reversed(rows)}
    for row in rows:
        for name in row.names("locations"):
            if missing(name, locations):
                yield Fault(PRODUCT_LINKS, row.line, unknown("location", name, merchant.locations, LOCATIONS))
        if UNREADABLE in (*source(row), *destination(row)):
            continue
        if source(row) == destination(row):
            yield Fault(PRODUCT_LINKS, row.line, f"{called(source(row))} cannot be linked to itself.")
            continue
        way_back = (destination(row), source(row))
        back = lines.get(way_back)
        told = f"{called(destination(row))} and {called(source(row))} are linked the other way already"
        if back is not None:
            if back.line < row.line and (row.said("bidirectional") or back.said("bidirectional")):
                both = f"{told} (line {back.line}), and one of the two links is for both ways."
                yield Fault(PRODUCT_LINKS, row.line, both)
        elif way_back in known.product_links and (row.said("bidirectional") or known.product_links[way_back]):
            yield Fault(PRODUCT_LINKS, row.line, f"{told} in the suite, and one of the two links is for both ways.")


def _kinds(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """Two products are linked only if both are bundles, or neither is."""
    ours = {bundle(row): row.line for row in reversed(merchant.rows(BUNDLES))}
    bundles = {*ours, *known.bundles}
    named = set()
    for row in merchant.rows(PRODUCT_LINKS):
        ends = (source(row), destination(row))
        named.add(ends)
        if UNREADABLE not in (*ends[0], *ends[1]) and (ends[0] in bundles) != (ends[1] in bundles):
            yield Fault(PRODUCT_LINKS, row.line, _mixed(ends, bundles))
    for ends in known.product_links:
        line = ours.get(ends[0], ours.get(ends[1]))
        if line is not None and ends not in named and (ends[0] in bundles) != (ends[1] in bundles):
            yield Fault(BUNDLES, line, f"{_mixed(ends, bundles)[:-1]}, and the suite links them.")


def _mixed(ends: tuple[Product, Product], bundles: set[Product]) -> str:
    packed, plain = ends if ends[0] in bundles else (ends[1], ends[0])
    return f"{called(packed)} is a bundle and {called(plain)} is not."
