"""Worked examples in sentences, as docs/numbers.md has them, read into the words of the arithmetic.

    FR has 100 BIKE; DE1 has 50 BIKE
    europe pools DE1, FR
    europe feeds amazon
    level of BIKE => amazon 150

A line says something or asks something. What is said holds until the example ends; the same said again replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from weir_allocation.network import Channel
from weir_allocation.policy import Part, Policy, Strategy
from weir_allocation.rules import NO_LIMITS, Limits, Rounding, Rule
from weir_allocation.sharing import Bundle, Link
from weir_allocation.stock import EACH, Condition, Product, StockItem


@dataclass(frozen=True, slots=True)
class Pool:
    """Locations in a warehouse group."""

    warehouse_group: str
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A location that is shared with nobody."""

    location: str


@dataclass(frozen=True, slots=True)
class Feed:
    """A warehouse group feeds a channel group."""

    warehouse_group: str
    channel_group: str


@dataclass(frozen=True, slots=True)
class Has:
    """What lies there of a stock item."""

    item: StockItem
    on_hand: int


@dataclass(frozen=True, slots=True)
class Promised:
    """Units of a stock item that an order was promised, beside those promised before."""

    item: StockItem
    units: int


@dataclass(frozen=True, slots=True)
class Ends:
    """The last day of a lot."""

    product: Product
    lot: str
    day: date


@dataclass(frozen=True, slots=True)
class Limited:
    """What one store is never told."""

    store: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Late:
    """A location whose warehouse has not reported in time, and how much of what lies there does not count."""

    location: str
    percent: int


@dataclass(frozen=True, slots=True)
class Without:
    """A link, a policy or a rule that is no more."""

    gone: Link | Policy | Rule


Said = Pool | Channel | Feed | Fixed | Has | Promised | Ends | Link | Bundle | Policy | Rule | Limited | Late | Without
"""What a sentence may say."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what the example says is answered."""

    what: str
    """Number that is asked for, or `verdict`."""
    product: Product
    answers: tuple[tuple[str, str], ...]
    """Pairs of a place or channel and a number or word; one that is asked of no place has an empty name."""
    lot: str = ""
    uom: str = EACH
    source: Product | None = None
    """Linked product that a verdict is asked of."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example of a page."""

    title: str
    text: str
    """Its sentences, those that begin every example first."""


def examples(page: str) -> list[Example]:
    """The examples of a page in Markdown, each titled as its section; what is said in `house` begins every one."""
    house = title = ""
    found: list[Example] = []
    blocks = re.compile(r"^(?:#+ ([^\n]+)|```(house|example)\n(.*?)^```)$", re.MULTILINE | re.DOTALL)
    for heading, kind, text in blocks.findall(page):
        title = heading or title
        if kind == "house":
            house = text
        elif kind:
            found.append(Example(title, house + text))
    return found


NAME = r"[\w-]+"
LIST = rf"{NAME}(?:, {NAME})*"
ITEM = (
    rf"(?P<condition>damaged )?(?P<sku>{NAME})(?: of lot (?P<lot>{NAME}))?(?: in (?P<uom>[A-Z]+))?"
    rf"(?: with (?P<custodian>{NAME}))?"
)

Terms = dict[str, str]
"""The named parts of a sentence; those left out are empty."""


class Reader:
    """Reads the sentences of one example; what they leave open is as in the sentence before of the same thing."""

    def __init__(self, today: date) -> None:
        """Nothing is said yet; `today` is what yesterday and tomorrow are said of."""
        self._today = today
        self._channel_groups: set[str] = set()
        self._places: dict[str, int] = {}
        self._limits: dict[str, Limits] = {}

    def read(self, text: str) -> Iterator[Said | Asked]:
        """What the lines say and ask; fails where one cannot be read."""
        for line in text.splitlines():
            spoken = line.partition("#")[0].strip()
            if " => " in spoken:
                yield asked(spoken)
                continue
            for sentence in filter(None, re.split("; *", spoken)):
                yield from self._said(sentence)

    def _said(self, sentence: str) -> Iterator[Said]:
        for pattern, say in self._sentences():
            if found := re.fullmatch(pattern, sentence):
                yield from say({name: part or "" for name, part in found.groupdict().items()})
                return
        raise AssertionError(f"cannot be read: {sentence}")

    def _sentences(self) -> tuple[tuple[str, Callable[[Terms], Iterator[Said]]], ...]:
        return (
            (rf"(?P<group>{NAME}) pools (?P<places>{LIST})", self._pool),
            (rf"(?P<place>{NAME}) is fixed", self._fixed),
            (rf"(?P<group>{NAME}) are (?P<channels>{LIST})", self._channels),
            (rf"(?P<group>{NAME}) feeds (?P<fed>{LIST})", self._feed),
            (rf"(?P<place>{NAME}) has (?P<units>\d+) {ITEM}", self._has),
            (rf"an order is promised (?P<units>\d+) {ITEM} at (?P<place>{NAME})", self._promised),
            (rf"lot (?P<lot>{NAME}) of (?P<sku>{NAME}) ends (?P<day>yesterday|today|tomorrow)", self._ends),
            (
                rf"(?P<source>{NAME}) (?P<way>lends to|no longer lends to) (?P<destination>{NAME})(?P<terms>, .+)?",
                self._link,
            ),
            (rf"(?P<parent>{NAME}) is made of (?P<parts>\d+ {NAME}(?:, \d+ {NAME})*)", self._bundle),
            (rf"policy (?P<policy>{NAME})(?: for (?P<products>{LIST}))?: (?P<terms>.+)", self._policy),
            (
                rf"rule (?P<rule>{NAME})(?: for (?P<products>{LIST}))? tells (?P<stores>{LIST})(?:: (?P<terms>.+))?",
                self._rule,
            ),
            (rf"no (?P<kind>policy|rule) (?P<name>{NAME})", self._without),
            (rf"(?P<place>{NAME}) is late, with a buffer of (?P<percent>\d+) %", self._late),
            (rf"(?P<store>{NAME}) is told (?P<units>\d+) at most", self._most),
            (rf"(?P<store>{NAME}) (?P<way>does not sell|sells only) (?P<products>{LIST})", self._sells),
        )

    def _pool(self, said: Terms) -> Iterator[Said]:
        yield Pool(said["group"], names(said["places"]))

    def _fixed(self, said: Terms) -> Iterator[Said]:
        yield Fixed(said["place"])

    def _channels(self, said: Terms) -> Iterator[Said]:
        self._channel_groups.add(said["group"])
        for channel in names(said["channels"]):
            yield Channel(channel, said["group"])

    def _feed(self, said: Terms) -> Iterator[Said]:
        for group in names(said["fed"]):
            if group not in self._channel_groups:
                self._channel_groups.add(group)
                yield Channel(group, group)
            yield Feed(said["group"], group)

    def _has(self, said: Terms) -> Iterator[Said]:
        yield Has(item(said), int(said["units"]))

    def _promised(self, said: Terms) -> Iterator[Said]:
        yield Promised(item(said), int(said["units"]))

    def _ends(self, said: Terms) -> Iterator[Said]:
        days = {"yesterday": -1, "today": 0, "tomorrow": 1}[said["day"]]
        yield Ends(product(said["sku"]), said["lot"], self._today + timedelta(days=days))

    def _link(self, said: Terms) -> Iterator[Said]:
        source, destination = product(said["source"]), product(said["destination"])
        name = f"{said['source']} to {said['destination']}"
        link = Link(name, source, destination, created=self._place(name))
        if said["way"] != "lends to":
            yield Without(link)
            return
        for term in filter(None, said["terms"].split(", ")):
            if found := re.fullmatch(r"keeping back (\d+)", term):
                link = replace(link, keep_back=int(found[1]))
            elif found := re.fullmatch(rf"only at ({NAME})", term):
                link = replace(link, locations=frozenset([found[1]]))
            elif term == "switched off":
                link = replace(link, active=False)
            else:
                assert term in ("both ways", "bundles too"), f"cannot be read: {term}"
                link = replace(link, bidirectional=term == "both ways", bundles=term == "bundles too")
        yield link

    def _bundle(self, said: Terms) -> Iterator[Said]:
        parts = (part.split() for part in said["parts"].split(", "))
        yield Bundle(product(said["parent"]), tuple((product(sku), int(quantity)) for quantity, sku in parts))

    def _policy(self, said: Terms) -> Iterator[Said]:
        strategy, *parts = said["terms"].split(", ")
        buffer = re.fullmatch(r"safety stock of (\d+)( %)?", strategy)
        named = "safety stock" if buffer else strategy
        yield Policy(
            said["policy"],
            self._place(f"policy {said['policy']}"),
            Strategy[{"equal": "EQUAL_DIVISION"}.get(named, named.upper().replace(" ", "_"))],
            products(said["products"]),
            tuple(_part(rank, named, each) for rank, each in enumerate(parts, 1)),
            buffer_units=int(buffer[1]) if buffer and not buffer[2] else 0,
            buffer_percent=int(buffer[1]) if buffer and buffer[2] else 0,
        )

    def _rule(self, said: Terms) -> Iterator[Said]:
        rule = Rule(
            said["rule"],
            self._place(f"rule {said['rule']}"),
            frozenset(names(said["stores"])),
            products(said["products"]),
        )
        for term in filter(None, said["terms"].split(", ")):
            rule = _ruled(rule, term)
        yield rule

    def _without(self, said: Terms) -> Iterator[Said]:
        policy = Policy(said["name"], 0, Strategy.EQUAL_DIVISION)
        yield Without(policy if said["kind"] == "policy" else Rule(said["name"], 0, frozenset()))

    def _late(self, said: Terms) -> Iterator[Said]:
        yield Late(said["place"], int(said["percent"]))

    def _most(self, said: Terms) -> Iterator[Said]:
        yield self._limited(said["store"], max_quantity=int(said["units"]))

    def _sells(self, said: Terms) -> Iterator[Said]:
        key = "denied" if said["way"] == "does not sell" else "allowed"
        yield self._limited(said["store"], **{key: products(said["products"])})

    def _limited(self, store: str, **changed: object) -> Limited:
        self._limits[store] = replace(self._limits.get(store, NO_LIMITS), **changed)  # type: ignore[arg-type]
        return Limited(store, self._limits[store])

    def _place(self, name: str) -> int:
        """Place in the order in which things were first named, from 1."""
        return self._places.setdefault(name, len(self._places) + 1)


def asked(line: str) -> Asked:
    """The question of a line, and its answers; fails where it cannot be read."""
    question, _, told = line.partition(" => ")
    patterns = (
        rf"(?P<what>level|supply|share|exposure|held back) of {ITEM}",
        rf"(?P<what>on hand|reserved|available|shortfall) of {ITEM}",
        rf"(?P<what>verdict) of (?P<source>{NAME}) for {ITEM}",
    )
    found = next(filter(None, (re.fullmatch(pattern, question.strip()) for pattern in patterns)), None)
    assert found, f"cannot be read: {line}"
    answers = [each.rpartition(" ")[::2] for each in re.split(r", *", told.strip())]
    said = {"source": None, **found.groupdict()}
    return Asked(
        said["what"] or "",
        product(said["sku"] or ""),
        tuple((name, answer) for name, answer in answers),
        said["lot"] or "",
        said["uom"] or EACH,
        product(said["source"]) if said["source"] else None,
    )


def names(said: str) -> tuple[str, ...]:
    """The names of a list."""
    return tuple(said.split(", "))


def product(sku: str) -> Product:
    """A product of the tenant itself."""
    return "", sku


def products(said: str) -> frozenset[Product] | None:
    """The products of a list; None where there is none: all of them."""
    return frozenset(map(product, names(said))) if said else None


def item(said: Terms) -> StockItem:
    """The stock item of a sentence."""
    condition = Condition.DAMAGED if said["condition"] else Condition.SELLABLE
    return StockItem("", said["sku"], said["place"], said["lot"], said["uom"] or EACH, said["custodian"], condition)


def _part(rank: int, strategy: str, said: str) -> Part:
    """What a policy says of one group, such as `webshops 40 % at least 100 at most 500`."""
    found = re.fullmatch(rf"({NAME})(?: (\d+)(?: %)?)?(?: at least (\d+))?(?: at most (\d+))?", said)
    assert found, f"cannot be read: {said}"
    number = int(found[2] or 0)
    return Part(
        found[1],
        rank,
        weight=number if strategy in ("weighted", "safety stock") else 0,
        percent=number if strategy == "ranked" else 0,
        minimum=int(found[3] or 0),
        quantity=number if strategy == "fixed" else 0,
        cap=int(found[4]) if found[4] else None,
    )


def _ruled(rule: Rule, term: str) -> Rule:
    """A rule with one more term."""
    if found := re.fullmatch(r"(\d+) %", term):
        return replace(rule, rate_percent=int(found[1]))
    if found := re.fullmatch(r"rounded (down|up|to the nearest)", term):
        return replace(rule, rounding=Rounding[found[1].split()[-1].upper()])
    if found := re.fullmatch(r"(plus|minus) (\d+)", term):
        return replace(rule, constant=int(found[2]) * (1 if found[1] == "plus" else -1))
    if found := re.fullmatch(r"threshold (\d+)", term):
        return replace(rule, threshold=int(found[1]))
    if found := re.fullmatch(rf"({NAME}) alone below (\d+)", term):
        return replace(rule, priority_store=found[1], priority_quantity=int(found[2]))
    found = re.fullmatch(rf"from ({NAME}(?: and {NAME})*)", term)
    assert found, f"cannot be read: {term}"
    return replace(rule, warehouses=frozenset(found[1].split(" and ")))
