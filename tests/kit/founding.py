"""What the words of the arithmetic say, done in the running suite: each sentence a write, or a few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from tests.kit.merchant import Merchant, request_id
from tests.kit.stories import Ends, Feed, Fixed, Has, Limited, Pool, Promised, Said, Without
from tests.kit.worlds import TODAY, World
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_service_pb2
from weir.partitioning.v1 import partitioning_service_pb2, policy_pb2
from weir.sharing.v1 import network_pb2, network_service_pb2, sharing_service_pb2
from weir.sync.v1 import rule_pb2, rule_service_pb2
from weir_allocation.network import Channel
from weir_allocation.policy import Mode, Policy, Strategy
from weir_allocation.rules import Limits, Rule
from weir_allocation.sharing import Bundle, Link
from weir_allocation.stock import Condition, Product, Stock, StockItem

MESSAGES: dict[str, Any] = {
    "ledger": ledger_service_pb2,
    "reservations": reservation_service_pb2,
    "network": network_service_pb2,
    "sharing": sharing_service_pb2,
    "partitioning": partitioning_service_pb2,
    "rules": rule_service_pb2,
}
"""The requests of each service, by the name that a merchant has for it."""


class Founding:
    """Does what is said in the name of a merchant, who has nothing yet."""

    def __init__(self, merchant: Merchant) -> None:
        """Nothing is done yet."""
        self._merchant = merchant
        self._locations: set[str] = set()
        self._known: set[tuple[str, str]] = set()

    async def add(self, said: Said) -> None:
        """Do it; fails where it is refused."""
        match said:
            case Pool():
                await self._located(*said.locations)
                await self._merchant.group(said.warehouse_group, *said.locations)
            case Channel():
                await self._channel(said)
            case Feed():
                await self._grouped(said.channel_group)
                await self._merchant.link(said.warehouse_group, said.channel_group)
            case Fixed():
                await self._fixed(said.location)
            case Has():
                await self._located(said.item.location)
                await self._count(said)
            case Promised():
                await self._reserve(said)
            case Ends():
                await self._send("ledger", "SetLot", lot=lot(said))
            case Link():
                await self._put("sharing", "ProductLink", said.link, product_link(said))
            case Bundle():
                await self._put("sharing", "Bundle", repr(said.product), bundle(said))
            case Policy():
                await self._put("partitioning", "Policy", said.policy, policy(said))
            case Rule():
                await self._put("rules", "Rule", said.rule, rule(said))
            case Limited():
                await self._send("rules", "SetStoreLimits", store_limits=limits(said.store, said.limits))
            case Without(gone=Link() as gone):
                ends = {"source": goods(gone.source), "destination": goods(gone.destination)}
                await self._delete("sharing", "ProductLink", gone.link, **ends)
            case Without(gone=Policy() as gone):
                await self._delete("partitioning", "Policy", gone.policy, policy=gone.policy)
            case Without(gone=Rule() as gone):
                await self._delete("rules", "Rule", gone.rule, rule=gone.rule)

    async def _located(self, *locations: str) -> None:
        """See to it that locations exist."""
        for location in locations:
            if location not in self._locations:
                self._locations.add(location)
                await self._merchant.location(location)

    async def _grouped(self, channel_group: str) -> None:
        """See to it that a channel group exists."""
        if ("ChannelGroup", channel_group) not in self._known:
            self._known.add(("ChannelGroup", channel_group))
            made = network_pb2.ChannelGroup(channel_group=channel_group)
            await self._send("network", "CreateChannelGroup", channel_group=made)

    async def _channel(self, said: Channel) -> None:
        kind = network_pb2.CHANNEL_KIND_REP if said.by_custody else network_pb2.CHANNEL_KIND_WEBSHOP
        own = said.channel_group == said.channel
        if own:
            self._known.add(("ChannelGroup", said.channel_group))
        else:
            await self._grouped(said.channel_group)
        await self._merchant.channel(said.channel, kind, "" if own else said.channel_group)

    async def _fixed(self, location: str) -> None:
        await self._located(location)
        await self._merchant.fixed(location)

    async def _count(self, said: Has) -> None:
        movement = ledger_pb2.Movement(
            kind=ledger_pb2.ENTRY_KIND_COUNT, stock_item=stock_item(said.item), quantity=said.on_hand
        )
        await self._send("ledger", "RecordMovements", movements=[movement])

    async def _reserve(self, said: Promised) -> None:
        line = {"stock_item": stock_item(said.item), "quantity": said.units}
        await self._send("reservations", "Reserve", draft={"lines": [line]})

    async def _put(self, service: str, kind: str, name: str, message: Any) -> None:
        """Create or replace an object of configuration."""
        verb = "Update" if (kind, name) in self._known else "Create"
        self._known.add((kind, name))
        field = {"ProductLink": "product_link"}.get(kind, kind.lower())
        await self._send(service, f"{verb}{kind}", **{field: message})

    async def _delete(self, service: str, kind: str, name: str, **key: Any) -> None:
        self._known.remove((kind, name))
        await self._send(service, f"Delete{kind}", **key)

    async def _send(self, service: str, method: str, **fields: Any) -> None:
        request = getattr(MESSAGES[service], f"{method}Request")(request_id=request_id(), **fields)
        done = await getattr(getattr(self._merchant.stubs, service), method)(request)
        self._merchant.saw(done.revision)


def told(world: World) -> Iterator[Said]:
    """What has to be said for a world to be; the order of links is that of their creation."""
    for group, locations in world.warehouse_groups.items():
        yield Pool(group, locations)
    yield from world.channels
    for warehouse_group, channel_group in world.group_links:
        yield Feed(warehouse_group, channel_group)
    for stock in world.stock:
        yield from _shelved(stock)
    yield from world.bundles
    yield from sorted(world.links, key=lambda link: link.created)
    yield from world.policies
    yield from world.rules
    for store, limited in world.limits.items():
        yield Limited(store, limited)


def _shelved(stock: Stock) -> Iterator[Said]:
    """A stock item; where more is promised than is there, it was there when it was promised."""
    if stock.expiry is not None:
        yield Ends((stock.item.owner, stock.item.sku), stock.item.lot, stock.expiry)
    yield Has(stock.item, max(stock.on_hand, stock.reserved))
    if stock.reserved:
        yield Promised(stock.item, stock.reserved)
    if stock.reserved > stock.on_hand:
        yield Has(stock.item, stock.on_hand)


def allowed(world: World, today: date) -> World:
    """What of a generated world the services let be, its lots expiring as long before or after `today`; what only time
    brings about is left out.
    """
    components = {part for each in world.bundles for part, _ in each.parts}
    bundles = tuple(each for each in world.bundles if each.product not in components)
    parents = {each.product for each in bundles}
    return replace(
        world,
        late={},
        bundles=bundles,
        links=tuple(each for each in world.links if (each.source in parents) == (each.destination in parents)),
        policies=tuple(
            replace(each, priority=place)
            for place, each in enumerate(sorted(world.policies, key=lambda each: each.priority), 1)
            if each.parts or each.strategy not in (Strategy.RANKED, Strategy.FIXED)
        ),
        rules=tuple(
            replace(_preferring(each), priority=place)
            for place, each in enumerate(sorted(world.rules, key=lambda each: each.priority), 1)
        ),
        stock=tuple(_lasting(each, today - TODAY) for each in world.stock),
    )


def _preferring(made: Rule) -> Rule:
    """The rule without a priority store that it does not tell, and without a quantity that is no store's."""
    if made.priority_store in made.stores:
        return made
    return replace(made, priority_store="", priority_quantity=0)


def _lasting(stock: Stock, later: timedelta) -> Stock:
    """Stock that expires so much later; what is not for sale is not promised."""
    reserved = stock.reserved if stock.item.condition is Condition.SELLABLE else 0
    return replace(stock, reserved=reserved, expiry=stock.expiry and stock.expiry + later)


def goods(product: Product) -> stock_pb2.Product:
    """A product."""
    return stock_pb2.Product(owner=product[0], sku=product[1])


def stock_item(item: StockItem) -> stock_pb2.StockItem:
    """A stock item."""
    return stock_pb2.StockItem(
        product=goods((item.owner, item.sku)),
        location=item.location,
        lot=item.lot,
        uom=item.uom,
        custodian=item.custodian,
        condition=stock_pb2.Condition.Value(f"CONDITION_{item.condition.name}"),
    )


def lot(said: Ends) -> ledger_pb2.Lot:
    """A lot and its last day."""
    return ledger_pb2.Lot(product=goods(said.product), lot=said.lot, expiry_date=said.day.isoformat())


def product_link(link: Link) -> network_pb2.ProductLink:
    """A link between products."""
    return network_pb2.ProductLink(
        source=goods(link.source),
        destination=goods(link.destination),
        bidirectional=link.bidirectional,
        locations=sorted(link.locations),
        priority=link.priority,
        keep_back=link.keep_back,
        shares_bundles=link.bundles,
        disabled=not link.active,
    )


def bundle(made: Bundle) -> network_pb2.Bundle:
    """A bundle."""
    components = [network_pb2.Component(product=goods(part), quantity=quantity) for part, quantity in made.parts]
    return network_pb2.Bundle(product=goods(made.product), components=components)


def policy(made: Policy) -> policy_pb2.Policy:
    """A policy; without those numbers that its strategy does not use."""
    buffered = made.strategy is Strategy.SAFETY_STOCK
    used = {
        "SAFETY_STOCK": {"weight"},
        "WEIGHTED": {"weight"},
        "RANKED": {"percent", "minimum"},
        "FIXED": {"quantity"},
        "DEMAND": {"weight"},
    }
    parts = []
    for part in made.parts:
        numbers = {name: getattr(part, name) for name in used.get(made.strategy.name, ())}
        if made.mode is Mode.BALANCED:
            numbers["protected_percent"] = part.protected_percent
        parts.append(policy_pb2.PolicyPart(channel_group=part.channel_group, rank=part.rank, cap=part.cap, **numbers))
    balanced = made.mode is Mode.BALANCED
    return policy_pb2.Policy(
        policy=made.policy,
        priority=made.priority,
        strategy=policy_pb2.Strategy.Value(f"STRATEGY_{made.strategy.name}"),
        mode=policy_pb2.PolicyMode.Value(f"POLICY_MODE_{made.mode.name}"),
        products=map(goods, sorted(made.products or ())),
        parts=parts,
        enforce=made.enforce,
        threshold_percent=made.threshold_percent if balanced else None,
        hysteresis_units=made.hysteresis_units if balanced else None,
        buffer_units=made.buffer_units if buffered else 0,
        buffer_percent=made.buffer_percent if buffered else 0,
        disabled=not made.enabled,
    )


def rule(made: Rule) -> rule_pb2.Rule:
    """A rule."""
    return rule_pb2.Rule(
        rule=made.rule,
        priority=made.priority,
        stores=sorted(made.stores),
        products=map(goods, sorted(made.products or ())),
        warehouses=sorted(made.warehouses),
        threshold=made.threshold,
        rate_percent=made.rate_percent,
        constant=made.constant,
        rounding=rule_pb2.Rounding.Value(f"ROUNDING_{made.rounding.name}"),
        priority_store=made.priority_store,
        priority_quantity=made.priority_quantity,
        disabled=not made.enabled,
    )


def limits(store: str, made: Limits) -> rule_pb2.StoreLimits:
    """Limits of a store."""
    allowed = None if made.allowed is None else rule_pb2.ProductList(products=map(goods, sorted(made.allowed)))
    return rule_pb2.StoreLimits(
        store=store,
        denied=rule_pb2.ProductList(products=map(goods, sorted(made.denied))),
        allowed=allowed,
        max_quantity=made.max_quantity,
    )
