"""A large tenant: many products, of which some are linked and some are bundles, with policies, rules and limits."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weir_aggregator.domain import Change, Configured, Count, GroupLink, StoreLimits, WarehouseGroup
from weir_allocation.network import Channel
from weir_allocation.policy import Part, Policy, Strategy
from weir_allocation.rules import Limits, Rounding, Rule
from weir_allocation.sharing import Bundle, Link
from weir_allocation.stock import EACH, Condition, Product

PRODUCTS = 200_000
CHANNEL_GROUPS = tuple(f"group-{number}" for number in range(10))
CHANNELS = tuple(Channel(f"{group}-{letter}", group) for group in CHANNEL_GROUPS for letter in "ab")
WAREHOUSE_GROUPS = {f"region-{number}": tuple(f"W{number}{place}" for place in range(4)) for number in range(5)}
LOCATIONS = tuple(location for members in WAREHOUSE_GROUPS.values() for location in members)
PLACES_EACH = 5
"""Locations at which a product lies."""
LINKED_PERCENT = 10
BUNDLES_PERCENT = 10
NAMED_EACH = 2_000
"""Products that a policy or a rule names; the last of each is for all."""
POLICIES, RULES = 10, 50


@dataclass(frozen=True, slots=True)
class Tenant:
    """All of it; the same for the same number of products."""

    products: Sequence[Product]
    network: Sequence[Change]
    policies: Sequence[Change]
    rules: Sequence[Change]

    def books(self) -> Iterator[Count]:
        """Every stock item, product by product."""
        chance = random.Random(1)
        for product in self.products:
            for location in chance.sample(LOCATIONS, PLACES_EACH):
                on_hand = chance.randrange(100)
                reserved = chance.randrange(1 + on_hand // 5)
                yield Count(*product, location, "", EACH, "", Condition.SELLABLE, on_hand, reserved)


def tenant(products: int) -> Tenant:
    """A tenant of so many products, at least 1000."""
    made = [("", f"SKU-{number:07}") for number in range(products)]
    bundled = products * BUNDLES_PERCENT // 100
    chance = random.Random(2)
    links = _links(made[bundled:], products * LINKED_PERCENT // 100, chance)
    bundles = _bundles(made[:bundled], made[bundled:], chance)
    return Tenant(
        made,
        [*map(Change, _network()), *map(Change, links), *map(Change, bundles)],
        [*map(Change, _policies(made, chance))],
        [*map(Change, _rules(made, chance)), *map(Change, _limits(made, chance))],
    )


def _network() -> Iterator[Configured]:
    """Each channel group is fed by two of the warehouse groups."""
    for group, locations in WAREHOUSE_GROUPS.items():
        yield WarehouseGroup(group, locations)
    yield from CHANNELS
    regions = list(WAREHOUSE_GROUPS)
    for number, group in enumerate(CHANNEL_GROUPS):
        for more in (0, 2):
            yield GroupLink(regions[(number + more) % len(regions)], group)


def _links(plain: Sequence[Product], number: int, chance: random.Random) -> Iterator[Link]:
    """So many products that borrow from another each; one link in four goes both ways, one in four keeps some back."""
    for created, destination in enumerate(chance.sample(range(1, len(plain)), number)):
        source = plain[chance.randrange(destination)]
        both, keep_back = created % 4 == 0, 5 * (created % 4 == 1)
        yield Link(f"link-{created}", source, plain[destination], both, created=created, keep_back=keep_back)


def _bundles(parents: Sequence[Product], plain: Sequence[Product], chance: random.Random) -> Iterator[Bundle]:
    """Bundles of two to four plain products."""
    for parent in parents:
        parts = chance.sample(plain, chance.randrange(2, 5))
        yield Bundle(parent, tuple((part, chance.randrange(1, 4)) for part in parts))


def _policies(products: Sequence[Product], chance: random.Random) -> Iterator[Policy]:
    """Every strategy in turn, over all channel groups; the last policy is for all products."""
    for number in range(POLICIES):
        parts = tuple(
            Part(group, rank, 1 + rank % 3, 10, rank, 5 + rank, cap=40 if rank == 3 else None)
            for rank, group in enumerate(CHANNEL_GROUPS)
        )
        named = _named(products, chance) if number < POLICIES - 1 else None
        strategy = list(Strategy)[number % len(Strategy)]
        yield Policy(f"policy-{number}", number, strategy, named, parts, buffer_units=5)


def _rules(products: Sequence[Product], chance: random.Random) -> Iterator[Rule]:
    """Rules for all channels, with every setting somewhere; the last rule is for all products."""
    stores = frozenset(channel.channel for channel in CHANNELS)
    for number in range(RULES):
        last = number == RULES - 1
        yield Rule(
            f"rule-{number}",
            number,
            stores,
            None if last else _named(products, chance),
            frozenset(chance.sample(LOCATIONS, 8)) if number % 5 == 1 else frozenset(),
            threshold=3 * (number % 3),
            rate_percent=100 if last else 50 + number,
            constant=number % 2,
            rounding=list(Rounding)[number % 3],
            priority_store=CHANNELS[0].channel if number % 7 == 2 else "",
            priority_quantity=20 if number % 7 == 2 else 0,
        )


def _limits(products: Sequence[Product], chance: random.Random) -> Iterator[StoreLimits]:
    """One store that does not sell some products, and one that is told little."""
    yield StoreLimits(CHANNELS[4].channel, Limits(denied=_named(products, chance)))
    yield StoreLimits(CHANNELS[9].channel, Limits(max_quantity=10))


def _named(products: Sequence[Product], chance: random.Random) -> frozenset[Product]:
    return frozenset(chance.sample(products, min(NAMED_EACH, len(products) // 10)))
