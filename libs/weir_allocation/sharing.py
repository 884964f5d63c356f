"""Which products serve demand for one another, as configured: links and bundles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from weir_allocation.stock import Product
from weir_allocation.trace import Verdict

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Link:
    """Demand for the destination may be served from the source's own physical stock."""

    link: str
    source: Product
    destination: Product
    bidirectional: bool = False
    """The other way too, on the same terms."""
    locations: frozenset[str] = frozenset()
    """Only stock that lies here is shared; empty: anywhere."""
    priority: int = 0
    """Lower serves first."""
    created: int = 0
    """Place in the order of creation, which decides between equal priorities."""
    keep_back: int = 0
    """Units that stay with the source at each location."""
    bundles: bool = False
    """The bundle flag: two parent bundles share their packed stock."""
    active: bool = True

    def lends_at(self, location: str) -> bool:
        """Whether stock that lies at the location is shared."""
        return not self.locations or location in self.locations


@dataclass(frozen=True, slots=True)
class Bundle:
    """A product that can be put together from others."""

    product: Product
    """The parent."""
    components: tuple[tuple[Product, int], ...]
    """What one of it is made of, in units of EACH; the order does not matter, a product named twice counts twice."""

    @property
    def parts(self) -> tuple[tuple[Product, int], ...]:
        """The components, each once, in order."""
        quantities: dict[Product, int] = {}
        for product, quantity in self.components:
            assert quantity > 0
            quantities[product] = quantities.get(product, 0) + quantity
        return tuple(sorted(quantities.items()))


@dataclass(frozen=True, slots=True)
class Sharing:
    """All links and bundles, to be asked by product; made from `NO_SHARING` by `changed`."""

    to: Mapping[Product, tuple[Link, ...]]
    """Links that may serve each destination, each one way, in serving order: by priority, creation, identifier."""
    lent: Mapping[Product, tuple[Product, ...]]
    """Destinations of each source, in order; with a place for each link."""
    bundles: Mapping[Product, Bundle]
    """By parent."""
    parents: Mapping[Product, tuple[Product, ...]]
    """Parents of each component, in order."""

    def changed(
        self,
        *,
        links: Iterable[Link] = (),
        bundles: Iterable[Bundle] = (),
        without_links: Iterable[Link] = (),
        without_bundles: Iterable[Bundle] = (),
    ) -> Sharing:
        """The same without some objects, given as they stand, and with others; costs little where few are given.

        One that changes is given in both parts. A product never serves itself: a link that says so is left out.
        """
        to, lent, parents = dict(self.to), dict(self.lent), dict(self.parents)
        made = dict(self.bundles)
        for way in _ways(without_links):
            _remove(to, way.destination, way)
            _remove(lent, way.source, way.destination)
        for way in _ways(links):
            to[way.destination] = tuple(sorted((*to.get(way.destination, ()), way), key=_serving))
            lent[way.source] = tuple(sorted((*lent.get(way.source, ()), way.destination)))
        for bundle in without_bundles:
            del made[bundle.product]
            for product, _ in bundle.parts:
                _remove(parents, product, bundle.product)
        for bundle in bundles:
            made[bundle.product] = bundle
            for product, _ in bundle.parts:
                parents[product] = tuple(sorted((*parents.get(product, ()), bundle.product)))
        return Sharing(to, lent, made, parents)

    def links_to(self, product: Product) -> Iterator[Link]:
        """The links that name the product as destination, each one way, in serving order; also those that do not count.

        Of several from one source only the first: nothing is counted twice.
        """
        seen: set[Product] = set()
        for link in self.to.get(product, ()):
            if link.source not in seen:
                seen.add(link.source)
                yield link

    def verdict(self, link: Link) -> Verdict:
        """COUNTED for a link that lends where source stock lies; otherwise the reason why it never does."""
        if not link.active:
            return Verdict.LINK_INACTIVE
        bundle = link.source in self.bundles
        if bundle != (link.destination in self.bundles):
            return Verdict.BUNDLE_KIND_MISMATCH
        if bundle and not link.bundles:
            return Verdict.BUNDLE_SHARING_OFF
        return Verdict.COUNTED

    def nested(self, bundle: Bundle) -> bool:
        """Whether a component is a bundle itself; such a one is never put together, so that nothing counts twice."""
        return any(product in self.bundles for product, _ in bundle.components)

    def reads(self, product: Product) -> tuple[Product, ...]:
        """The products whose stock decides what this one can be served with: itself first, each once."""
        bundle = self.bundles.get(product)
        wanted = (product, *(component for component, _ in bundle.parts)) if bundle else (product,)
        read = [each for want in wanted for each in (want, *(link.source for link in self.links_to(want)))]
        return tuple(dict.fromkeys(read))

    def readers(self, product: Product) -> tuple[Product, ...]:
        """The products whose supply the stock of this one can affect: itself first, each once.

        After a change of a link: the readers of both its ends; of a bundle: the readers of its parent; in either case
        before and after it.
        """
        served = (product, *self.lent.get(product, ()))
        return tuple(dict.fromkeys(each for want in served for each in (want, *self.parents.get(want, ()))))

    def named(self) -> Iterator[Product]:
        """Every product that is in a link or a bundle, some more than once."""
        for products in (self.to, self.lent, self.bundles, self.parents):
            yield from products

    def affected(self, other: Sharing) -> tuple[Product, ...]:
        """The products whose supply can differ if these links and bundles take the place of others, each once.

        The readers, before and after, of every product that other links serve, or that is another bundle.
        """
        pairs = ((self.to, other.to), (self.bundles, other.bundles))
        differing = [each for one, two in pairs for each in {**one, **two} if one.get(each) != two.get(each)]
        return tuple(
            dict.fromkeys(reader for each in differing for side in (other, self) for reader in side.readers(each))
        )


NO_SHARING = Sharing({}, {}, {}, {})
"""No links, no bundles."""


def _ways(links: Iterable[Link]) -> Iterator[Link]:
    """Each link one way, a bidirectional one in each."""
    for link in links:
        if link.source == link.destination:
            continue
        way = replace(link, bidirectional=False)
        yield way
        if link.bidirectional:
            yield replace(way, source=link.destination, destination=link.source)


def _serving(link: Link) -> tuple[int, int, str]:
    return link.priority, link.created, link.link


def _remove(places: dict[Product, tuple[T, ...]], product: Product, gone: T) -> None:
    """Take one place away from those of a product, which has it."""
    there = places.pop(product)
    at = there.index(gone)
    if len(there) > 1:
        places[product] = there[:at] + there[at + 1 :]
