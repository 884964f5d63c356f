"""Orders in sentences, as docs/fulfilment.md has them, read into the words of the API.

    plan of 3 BIKE and 2 LAMP for web-de, from 1 location => 3 BIKE at FR, 2 LAMP at FR
    order A wants 4 BIKE for web-de, as much as possible, the rest waits
    order A => 3 BIKE at FR, 1 BIKE waits

A sentence that is not about orders is read as tests/kit/stories.py reads it. Of an order two things are asked: what the
ledger has for it (`order A`), and how it was planned last (`plan of order A`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.kit.stories import ITEM, NAME, Asked, Reader, Said
from weir.aggregator.v1 import fulfilment_pb2 as pb
from weir.common.v1 import stock_pb2, verdict_pb2
from weir_allocation.stock import EACH

LINE = re.compile(rf"(?P<units>\d+) {ITEM}")
NAMES = rf"{NAME}(?: and {NAME})*"
WISH = r"(?P<lines>.+?) for (?P<channel>[\w-]+)(?P<terms>(?:, .+)?)"


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that is to be promised."""

    order: str
    wish: pb.Wish
    waits: bool
    """Whether what is missing may wait."""


@dataclass(frozen=True, slots=True)
class Replanned:
    """An order that is planned again."""

    order: str
    without: tuple[str, ...] = ()
    """Locations that will not send."""
    wish: pb.Wish | None = None
    """What is wanted instead, if anything."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An order whose hold becomes a promise without end."""

    order: str


@dataclass(frozen=True, slots=True)
class Sent:
    """Units of an order that go out."""

    order: str
    units: int
    sku: str
    location: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An order that is wanted no more: what is open of it is given up, what waits too."""

    order: str


@dataclass(frozen=True, slots=True)
class MayWait:
    """How many units of a product may wait, over all orders."""

    sku: str
    units: int


@dataclass(frozen=True, slots=True)
class AskedPlan:
    """What plan there is for a wish, or how good it is."""

    wish: pb.Wish
    answers: tuple[str, ...]
    """Allocations and what is missing as `told` tells them; numbers of the objective where `good`."""
    good: bool = False


@dataclass(frozen=True, slots=True)
class AskedOrder:
    """What the books have for an order, or how it was planned last."""

    order: str
    answers: tuple[str, ...]
    planned: bool = False


@dataclass(frozen=True, slots=True)
class AskedWaiting:
    """How many units of a product wait."""

    sku: str
    units: int


Ordered = Placed | Replanned | Confirmed | Sent | Cancelled | MayWait
"""What a sentence may say about orders."""
Question = AskedPlan | AskedOrder | AskedWaiting
"""What may be asked about them."""
Read = Said | Asked | Ordered | Question


class OrderReader:
    """Reads the sentences of one example, about orders and everything else."""

    def __init__(self, reader: Reader) -> None:
        """Leave to `reader` what is not about orders."""
        self._reader = reader

    def read(self, text: str) -> Iterator[Read]:
        """What the lines say and ask; fails where one cannot be read."""
        for line in text.splitlines():
            spoken = line.partition("#")[0].strip()
            if " => " in spoken:
                yield self._asked(spoken)
                continue
            for sentence in filter(None, re.split("; *", spoken)):
                said = _ordered(sentence)
                yield from self._reader.read(sentence) if said is None else [said]

    def _asked(self, line: str) -> Asked | Question:
        question, _, told = (part.strip() for part in line.partition(" => "))
        answers = tuple(re.split(r", *", told))
        if found := re.fullmatch(rf"(?P<plan>plan of )?order (?P<order>{NAME})", question):
            return AskedOrder(found["order"], answers, planned=bool(found["plan"]))
        if found := re.fullmatch(rf"(?P<what>plan|objective) of {WISH}", question):
            wish, _ = _wish(found)
            return AskedPlan(wish, answers, good=found["what"] == "objective")
        if found := re.fullmatch(rf"waiting of (?P<sku>{NAME})", question):
            return AskedWaiting(found["sku"], int(told))
        [other] = self._reader.read(line)
        assert isinstance(other, Asked)
        return other


def _ordered(sentence: str) -> Ordered | None:
    """What a sentence says about orders; None where it is about something else."""
    for pattern, say in SENTENCES:
        if found := re.fullmatch(pattern, sentence):
            return say(found)
    return None


def _placed(found: re.Match[str]) -> Placed:
    wish, waits = _wish(found)
    return Placed(found["order"], wish, waits)


def _replanned(found: re.Match[str]) -> Replanned:
    return Replanned(found["order"], tuple(_names(found["without"])) if found["without"] else ())


def _rewished(found: re.Match[str]) -> Replanned:
    return Replanned(found["order"], wish=_wish(found)[0])


SENTENCES: tuple[tuple[str, Callable[[re.Match[str]], Ordered]], ...] = (
    (rf"order (?P<order>{NAME}) wants {WISH}", _placed),
    (rf"order (?P<order>{NAME}) is planned again(?:, not from (?P<without>{NAMES}))?", _replanned),
    (rf"order (?P<order>{NAME}) now wants {WISH}", _rewished),
    (rf"order (?P<order>{NAME}) is confirmed", lambda found: Confirmed(found["order"])),
    (
        rf"order (?P<order>{NAME}) ships (?P<units>\d+) (?P<sku>{NAME}) from (?P<place>{NAME})",
        lambda found: Sent(found["order"], int(found["units"]), found["sku"], found["place"]),
    ),
    (rf"order (?P<order>{NAME}) is cancelled", lambda found: Cancelled(found["order"])),
    (rf"(?P<units>\d+) (?P<sku>{NAME}) may wait", lambda found: MayWait(found["sku"], int(found["units"]))),
)


def wish(text: str) -> pb.Wish:
    """A wish in a sentence, such as `3 BIKE and 2 LAMP for web-de, as much as possible`."""
    return order("", text).wish


def order(name: str, text: str) -> Placed:
    """An order for a wish in a sentence, which may end in `the rest waits`."""
    found = re.fullmatch(WISH, text)
    assert found, f"cannot be read: {text}"
    return Placed(name, *_wish(found))


def _wish(found: re.Match[str]) -> tuple[pb.Wish, bool]:
    """The wish of a sentence, and whether what is missing may wait."""
    made = pb.Wish(channel=found["channel"], lines=map(_line, found["lines"].split(" and ")))
    waits = False
    for term in filter(None, found["terms"].split(", ")):
        if term == "the rest waits":
            waits = True
        elif term == "as much as possible":
            made.mode = pb.FULFILMENT_MODE_AS_MUCH_AS_POSSIBLE
        elif term == "each line from one location":
            made.one_location_per_line = True
        elif term == "own stock only":
            made.own_stock_only = True
        elif named := re.fullmatch(r"from (\d+) locations?", term):
            made.locations_max = int(named[1])
        elif named := re.fullmatch(rf"rather from ({NAMES})", term):
            made.preferred_locations.extend(_names(named[1]))
        elif named := re.fullmatch(rf"not from ({NAMES})", term):
            made.excluded_locations.extend(_names(named[1]))
        else:
            named = re.fullmatch(rf"({NAME}) is (\d+) away", term)
            assert named, f"cannot be read: {term}"
            made.distances.add(location=named[1], distance=int(named[2]))
    return made, waits


def _line(text: str) -> pb.WishLine:
    found = LINE.fullmatch(text)
    assert found, f"cannot be read: {text}"
    made = pb.WishLine(
        product=stock_pb2.Product(sku=found["sku"]),
        quantity=int(found["units"]),
        lot=found["lot"] or "",
        uom=found["uom"] or "",
    )
    if found["custodian"]:
        made.custodians.append(found["custodian"])
    return made


def _names(text: str) -> list[str]:
    return text.split(" and ")


def told(wish: pb.Wish, plan: pb.Plan) -> list[str]:
    """What a plan takes from where and what it leaves out, in words, in no order that matters."""
    return sorted([*(_taken(wish, each) for each in plan.allocations), *(_missed(wish, each) for each in plan.missing)])


def _taken(wish: pb.Wish, each: pb.Allocation) -> str:
    """Units of a stock item, such as `2 S at FR as A for 2 SET`."""
    said = units(each.stock_item, each.quantity)
    if each.serves_as != each.stock_item.product:
        said += f" as {each.serves_as.sku}"
    if each.bundles:
        said += f" for {each.bundles} {wish.lines[each.line - 1].product.sku}"
    return said


def _missed(wish: pb.Wish, each: pb.Missing) -> str:
    """Missing units, such as `2 LAMP missing (EXCLUDED: 2 LAMP at FR)`."""
    why = verdict_pb2.Verdict.Name(each.verdict).removeprefix("VERDICT_")
    if each.HasField("nearest"):
        why += f": {units(each.nearest.stock_item, each.nearest.quantity)}"
    return f"{each.quantity} {wish.lines[each.line - 1].product.sku} missing ({why})"


def units(item: stock_pb2.StockItem, quantity: int) -> str:
    """Units of a stock item, such as `4 MILK of lot L1 at FR`."""
    said = f"{quantity} {item.product.sku}"
    if item.lot:
        said += f" of lot {item.lot}"
    if item.uom not in ("", EACH):
        said += f" in {item.uom}"
    return f"{said} at {item.location}"


def numbers(objective: pb.Objective, named: Iterable[str]) -> tuple[str, ...]:
    """The numbers of an objective that are named, such as `locations 1`."""
    return tuple(f"{name} {getattr(objective, name.replace(' ', '_'))}" for name in named)
