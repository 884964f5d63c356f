"""The second stage: what locations hold for a product, `own + shared + assembled`, and what of it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weir_allocation.assembly import Need, whole_bundles
from weir_allocation.goods import Goods
from weir_allocation.reach import Reach
from weir_allocation.sharing import Bundle, Link, Sharing
from weir_allocation.stock import EACH, Product
from weir_allocation.trace import Stage, Step, Subject, Verdict

_MISMATCHES = {Verdict.OTHER_UOM: Verdict.UOM_MISMATCH, Verdict.OTHER_LOT: Verdict.LOT_MISMATCH}
_REFUSED = (Verdict.EXPIRED, Verdict.OTHER_LOT, Verdict.OTHER_UOM, Verdict.IN_CUSTODY, Verdict.NOT_SELLABLE)
"""Why an item does not fit: what is nearest to fitting first."""


def supply(sku: str, reach: Reach, places: Mapping[str, Step]) -> Step:
    """What the channel could sell of one product: what lies at the locations it reaches.

    `places` says what lies where, as `place` does. Every reached location has a step, also where nothing lies; a
    location that is not reached has one where something lies that the product could be served with.
    """
    steps = tuple(_reached(places[location], reach.verdict(location)) for location in sorted(places))
    units = sum(step.units_out for step in steps)
    return Step(Stage.SUPPLY, Subject.PRODUCT, sku, Verdict.SUM, units, units, steps=steps)


def place(product: Product, location: str, sharing: Sharing, goods: Goods, late_percent: int = 0) -> Step:
    """What one location holds for a product, as if it were reached: own stock, then shared, then assembled.

    Of a location whose warehouse is late so much of all of it does not count, rounded up. That is a buffer in what
    stores are told: what orders are served from does not ask for it.
    """
    steps = (*_plain(product, location, sharing, goods), *assembled(product, location, sharing, goods))
    units = sum(step.units_out for step in steps)
    if units and late_percent:
        counted, terms = units * (100 - late_percent) // 100, (("late_percent", late_percent),)
        return Step(Stage.SUPPLY, Subject.LOCATION, location, Verdict.LATE, units, counted, steps=steps, terms=terms)
    verdict = Verdict.COUNTED if any(step.units_in for step in steps) else Verdict.EMPTY
    return Step(Stage.SUPPLY, Subject.LOCATION, location, verdict, units, units, steps=steps)


def lent(link: Link, location: str, sharing: Sharing, goods: Goods) -> Step:
    """What the source of a link lends at a location: the source's own physical stock, less what it keeps back.

    Units of any lot are as good to keep as those of the lot asked for.
    """
    steps = goods.at(link.source, location)
    units = sum(step.units_out for step in steps)
    verdict = sharing.verdict(link)
    if verdict is Verdict.COUNTED and not link.lends_at(location):
        verdict = Verdict.OTHER_WAREHOUSE
    spare = max(0, goods.any_lot().units(link.source, location) - link.keep_back)
    if verdict is Verdict.COUNTED and not min(units, spare):
        verdict = Verdict.KEPT_BACK if units else why_nothing(steps)
    units_out = min(units, spare) if verdict is Verdict.COUNTED else 0
    terms = (("keep_back_units", link.keep_back),)
    return Step(
        Stage.SUPPLY, Subject.LINK, link.link, verdict, units, units_out, steps=steps, product=link.source, terms=terms
    )


def _plain(product: Product, location: str, sharing: Sharing, goods: Goods) -> tuple[Step, ...]:
    """Own stock, and what each source that has stock items here lends."""
    shared = [
        lent(link, location, sharing, goods) for link in sharing.links_to(product) if goods.at(link.source, location)
    ]
    return (*goods.at(product, location), *shared)


def assembled(product: Product, location: str, sharing: Sharing, goods: Goods) -> tuple[Step, ...]:
    """The bundles that can be put together here; empty for a plain product, and where no part lies."""
    bundle = sharing.bundles.get(product)
    if bundle is None:
        return ()
    parts = tuple(_component(each, quantity, location, sharing, goods) for each, quantity in bundle.parts)
    if not any(part.steps for part in parts):
        return ()
    units_in = min(part.units_out for part in parts)
    verdict = _refusal(bundle, sharing, goods)
    units_out = units_in and _whole(parts, location, goods) if verdict is Verdict.COUNTED else 0
    if verdict is Verdict.COUNTED and units_out < units_in:
        verdict = Verdict.COUNTED_ONCE
    return (
        Step(Stage.SUPPLY, Subject.ASSEMBLY, product[1], verdict, units_in, units_out, steps=parts, product=product),
    )


def _refusal(bundle: Bundle, sharing: Sharing, goods: Goods) -> Verdict:
    """COUNTED if the bundle may be put together for the demand."""
    if sharing.nested(bundle):
        return Verdict.BUNDLE_NESTED
    if goods.demand.uom != EACH:
        return Verdict.UOM_MISMATCH
    return Verdict.LOT_MISMATCH if goods.demand.lot else Verdict.COUNTED


def _component(product: Product, quantity: int, location: str, sharing: Sharing, goods: Goods) -> Step:
    """Bundles that one component alone would allow; takes in its units."""
    steps = _plain(product, location, sharing, goods)
    units = sum(step.units_out for step in steps)
    return Step(
        Stage.SUPPLY,
        Subject.COMPONENT,
        product[1],
        Verdict.COUNTED if units else Verdict.EMPTY,
        units,
        units // quantity,
        steps=steps,
        product=product,
        terms=(("quantity_units", quantity),),
    )


def _whole(parts: tuple[Step, ...], location: str, goods: Goods) -> int:
    """The whole bundles of all parts together, which may draw on the same stock."""
    needs = []
    for part in parts:
        assert part.product is not None
        limits = {part.product: goods.units(part.product, location)}
        limits |= {step.product: step.units_out for step in part.steps if step.product is not None}
        needs.append(Need(part.term("quantity_units"), limits))
    units = {source: goods.units(source, location) for need in needs for source in need.limits}
    return whole_bundles(needs, units)


def why_nothing(steps: tuple[Step, ...]) -> Verdict:
    """Why stock items give nothing at all: the mismatch of the one that would be nearest to fitting, if any has
    units.
    """
    reasons = {step.verdict for step in steps if step.units_in}
    refused = next((reason for reason in _REFUSED if reason in reasons), None)
    if refused is not None:
        return _MISMATCHES.get(refused, refused)
    if Verdict.AWAITED in reasons:
        return Verdict.AWAITED
    return Verdict.ALL_RESERVED if reasons else Verdict.EMPTY


def _reached(step: Step, verdict: Verdict) -> Step:
    """The step of a location that has this verdict in reach: as it is, or giving nothing."""
    if verdict is Verdict.COUNTED:
        return step
    steps = tuple(_elsewhere(each) for each in step.steps)
    units = sum(each.units_out for each in steps)
    return replace(step, verdict=verdict, units_in=units, units_out=0, steps=steps, terms=())


def _elsewhere(step: Step) -> Step:
    """What a source would lend here is refused: the demand is served from somewhere else."""
    if step.subject is not Subject.LINK or step.verdict is not Verdict.COUNTED:
        return step
    return replace(step, verdict=Verdict.OTHER_WAREHOUSE, units_out=0)
