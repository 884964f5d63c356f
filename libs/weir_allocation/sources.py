"""What a product may be served from, in serving order, with what each source holds now and why one does not count."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from weir_allocation.goods import Goods
from weir_allocation.sharing import Sharing
from weir_allocation.stock import Product
from weir_allocation.supply import assembled, lent, why_nothing
from weir_allocation.trace import Stage, Step, Subject, Verdict


def sources(
    product: Product, sharing: Sharing, goods: Goods, locations: Collection[str] | None = None
) -> tuple[Step, ...]:
    """Own stock, then each link, then what can be put together: one step a source, made of one a location.

    A source takes in what its locations take in, what it holds for the demand, and lets out what it may serve. Where
    `locations` are given the demand is served from these only, and what lies elsewhere is refused with
    OTHER_WAREHOUSE. The verdict of a source that serves nothing is the reason at the first of its locations that has
    one.
    """
    own = [_own(location, goods.at(product, location)) for location in goods.locations([product])]
    steps = [_source(Subject.PRODUCT, product[1], product, own, Verdict.EMPTY, locations)]
    for link in sharing.links_to(product):
        there = [_at(lent(link, location, sharing, goods), location) for location in goods.locations([link.source])]
        steps.append(_source(Subject.LINK, link.link, link.source, there, sharing.verdict(link), locations))
    if product in sharing.bundles:
        put_together = [
            _at(step, location)
            for location in goods.locations(sharing.reads(product))
            for step in assembled(product, location, sharing, goods)
        ]
        steps.append(_source(Subject.ASSEMBLY, product[1], product, put_together, Verdict.EMPTY, locations))
    return tuple(steps)


def _own(location: str, steps: tuple[Step, ...]) -> Step:
    units = sum(step.units_out for step in steps)
    verdict = Verdict.COUNTED if units else why_nothing(steps)
    return Step(Stage.SUPPLY, Subject.LOCATION, location, verdict, units, units, steps=steps)


def _at(step: Step, location: str) -> Step:
    return replace(step, subject=Subject.LOCATION, name=location)


def _source(
    subject: Subject,
    name: str,
    product: Product,
    steps: list[Step],
    verdict: Verdict,
    locations: Collection[str] | None,
) -> Step:
    """A source as the sum of its locations; `verdict` is its own where there is none."""
    placed = tuple(_elsewhere(step) if locations is not None and step.name not in locations else step for step in steps)
    units_out = sum(step.units_out for step in placed)
    reasons = [step.verdict for step in placed if step.verdict not in (Verdict.COUNTED, Verdict.EMPTY)]
    if units_out:
        verdict = Verdict.COUNTED
    elif reasons:
        verdict = reasons[0]
    elif verdict is Verdict.COUNTED:
        verdict = Verdict.EMPTY
    return Step(
        Stage.SUPPLY,
        subject,
        name,
        verdict,
        sum(step.units_in for step in placed),
        units_out,
        steps=placed,
        product=product,
    )


def _elsewhere(step: Step) -> Step:
    if not step.units_out:
        return step
    return replace(step, verdict=Verdict.OTHER_WAREHOUSE, units_out=0)
