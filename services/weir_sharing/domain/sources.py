"""What a product may be served from: links and bundles as the arithmetic knows them, and its answer in our words."""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from weir_allocation import sharing as allocation
from weir_allocation import sources as arithmetic
from weir_allocation.goods import Goods
from weir_allocation.stock import Demand, Holdings
from weir_allocation.trace import Step, Subject, Verdict
from weir_sharing.domain.objects import Bundle, Product, ProductLink


class SourceKind(enum.Enum):
    """What a source is to the product that it may serve, in serving order."""

    OWN = enum.auto()
    LINKED = enum.auto()
    ASSEMBLED = enum.auto()


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Units of a source at one location: those held for the demand, and those that serve it, of which `lots`."""

    location: str
    held: int
    units: int
    verdict: Verdict
    lots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """What demand may be served from; `link` is the one that leads to it, as it was made, if any does."""

    kind: SourceKind
    product: Product
    link: ProductLink | None
    held: int
    units: int
    verdict: Verdict
    places: tuple[SourcePlace, ...]

    @property
    def place(self) -> tuple[int, int, int, str, str]:
        """Its place in serving order, which is nobody else's."""
        priority, created = (self.link.priority, self.link.created) if self.link is not None else (0, 0)
        return self.kind.value, priority, created, *self.product


class Serving:
    """What one product may be served from, as configured."""

    def __init__(
        self,
        product: Product,
        bundle: Bundle | None,
        *,
        links: Sequence[ProductLink],
        bundles: Collection[Product],
    ) -> None:
        """Serve `product`, which is put together as `bundle` says if it is one; `links` are those by which it or a
        component may be served, `bundles` the bundles among all of these products.
        """
        made = {each: allocation.Bundle(each, ()) for each in bundles}
        if bundle is not None:
            parts = tuple((part.product, part.quantity) for part in bundle.components)
            made[product] = allocation.Bundle(product, tuple(parts))
        self._product = product
        self._links = {str(number): link for number, link in enumerate(links)}
        self._sharing = allocation.NO_SHARING.changed(
            links=[_allocated(name, link) for name, link in self._links.items()], bundles=made.values()
        )

    @property
    def reads(self) -> tuple[Product, ...]:
        """The products whose stock decides what there is, the product itself first."""
        return tuple(Product(*each) for each in self._sharing.reads(self._product))

    def sources(self, holdings: Holdings, demand: Demand, today: date) -> list[Source]:
        """Every source in serving order, with what it holds for the demand on this day."""
        steps = arithmetic.sources(self._product, self._sharing, Goods(holdings, demand, today))
        return [self._source(step) for step in steps]

    def _source(self, step: Step) -> Source:
        assert step.product is not None
        kinds = {Subject.PRODUCT: SourceKind.OWN, Subject.LINK: SourceKind.LINKED}
        kind = kinds.get(step.subject, SourceKind.ASSEMBLED)
        return Source(
            kind,
            Product(*step.product),
            self._links[step.name] if kind is SourceKind.LINKED else None,
            step.units_in,
            step.units_out,
            step.verdict,
            tuple(map(_place, step.steps)),
        )


def _allocated(name: str, link: ProductLink) -> allocation.Link:
    return allocation.Link(
        name,
        link.source,
        link.destination,
        bidirectional=link.bidirectional,
        locations=frozenset(link.locations),
        priority=link.priority,
        created=link.created,
        keep_back=link.keep_back,
        bundles=link.shares_bundles,
        active=not link.disabled,
    )


def _place(step: Step) -> SourcePlace:
    serving = step.steps if step.units_out else ()
    lots = [each.item.lot for each in serving if each.item is not None and each.units_out]
    return SourcePlace(step.name, step.units_in, step.units_out, step.verdict, tuple(lots))
