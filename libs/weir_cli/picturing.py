"""Which location sends what of an order: a plan, or what became of it, as a small tree."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from rich.text import Text
from rich.tree import Tree

from weir.aggregator.v1 import fulfilment_pb2
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import reservation_pb2, waiting_pb2
from weir_cli import tables
from weir_cli.documents import word

RECORDED_BYTES_MAX = 8 << 20
"""What is opened of a recorded plan."""


def recorded(kept: bytes) -> fulfilment_pb2.RecordedPlan:
    """How a reservation was planned, from what the ledger keeps with it; empty where it was not, or nobody knows."""
    opening = zlib.decompressobj()
    try:
        opened = opening.decompress(kept, RECORDED_BYTES_MAX)
        return fulfilment_pb2.RecordedPlan.FromString(opened if opening.eof else b"")
    except (zlib.error, DecodeError):
        return fulfilment_pb2.RecordedPlan()


@dataclass(frozen=True, slots=True)
class _Part:
    """Units of one stock item that a location sends."""

    item: stock_pb2.StockItem
    quantity: int
    number: int = 0
    """Line of the reservation; 0 where there is none yet."""
    line: int = 0
    """Line of the order; 0 where that is not known."""
    wanted: stock_pb2.Product | None = None
    """Product of the line of the order; None where that is not known."""
    serves_as: stock_pb2.Product | None = None
    bundles: int = 0
    came: str = ""
    """How far it has come."""


def planned(
    title: Text,
    wish: fulfilment_pb2.Wish,
    plan: fulfilment_pb2.Plan,
    *,
    numbered: bool = True,
    waiting: Iterable[waiting_pb2.Waiting] = (),
) -> Tree:
    """What a plan sends from where, what it leaves out and why, but for what waits; `numbered` where its allocations
    are lines of a reservation, or will be."""
    parts = [
        _Part(
            each.stock_item,
            each.quantity,
            number=place if numbered else 0,
            line=each.line,
            wanted=_wanted(wish, each.line),
            serves_as=each.serves_as,
            bundles=each.bundles,
        )
        for place, each in enumerate(plan.allocations, start=1)
    ]
    return _drawn(title, parts, wish, _left_out(plan.missing, wish, waiting))


def promised(
    found: reservation_pb2.Reservation,
    how: fulfilment_pb2.RecordedPlan,
    missing: Sequence[fulfilment_pb2.Missing] = (),
    waiting: Iterable[waiting_pb2.Waiting] = (),
) -> Tree:
    """What a reservation sends from where, and how far that has come; then what is `missing` and does not wait.

    Lines that were given up whole are left out.
    """
    parts = []
    for line in found.lines:
        if line.released == line.quantity:
            continue
        purpose = how.purposes[line.line - 1] if line.line <= len(how.purposes) else fulfilment_pb2.Purpose()
        wanted = _wanted(how.wish, purpose.line)
        parts.append(
            _Part(
                line.stock_item,
                line.quantity - line.released,
                number=line.line,
                line=purpose.line,
                wanted=wanted,
                serves_as=purpose.serves_as if purpose.HasField("serves_as") else wanted,
                bundles=purpose.bundles,
                came=_came(line),
            )
        )
    return _drawn(tables.promise(found), parts, how.wish, _left_out(missing, how.wish, waiting))


def _wanted(wish: fulfilment_pb2.Wish, line: int) -> stock_pb2.Product | None:
    """The product of a line; None where the wish is not known, or has no such line."""
    return wish.lines[line - 1].product if 1 <= line <= len(wish.lines) else None


def _left_out(
    missing: Iterable[fulfilment_pb2.Missing], wish: fulfilment_pb2.Wish, waiting: Iterable[waiting_pb2.Waiting]
) -> Iterator[fulfilment_pb2.Missing]:
    """What is missing without what waits of it; where only a part waits, without its sentence, which tells of all."""
    waits: Counter[tuple[str, str]] = Counter()
    for line in (line for each in waiting for line in each.lines):
        waits[line.product.owner, line.product.sku] += line.quantity
    for each in missing:
        wanted = _wanted(wish, each.line) or stock_pb2.Product()
        taken = min(each.quantity, waits[wanted.owner, wanted.sku])
        waits[wanted.owner, wanted.sku] -= taken
        if not taken:
            yield each
        elif taken < each.quantity:
            rest = fulfilment_pb2.Missing(line=each.line, quantity=each.quantity - taken, verdict=each.verdict)
            if each.HasField("nearest"):
                rest.nearest.CopyFrom(each.nearest)
                rest.nearest.quantity = min(rest.nearest.quantity, rest.quantity)
            yield rest


def _came(line: reservation_pb2.ReservationLine) -> str:
    if not line.fulfilled:
        return ""
    return f"{line.fulfilled:,} of them shipped" if line.open else "shipped"


def waits(found: waiting_pb2.Waiting) -> Tree:
    """What an order waits for."""
    tree = Tree(tables.demand(found))
    for line in found.lines:
        said = [
            f"{units:,} {how}"
            for units, how in ((line.open, "to come"), (line.promised, "promised"), (line.cancelled, "cancelled"))
            if units
        ]
        units = _units(line.quantity, line.product)
        tree.add(Text.assemble((f"{line.line}: ", "dim"), units, ("  " + ", ".join(said), "dim")))
    for reservation in found.reservations:
        tree.add(Text.assemble(("promised by ", "dim"), reservation))
    return tree


def title(wish: fulfilment_pb2.Wish, plan: fulfilment_pb2.Plan) -> Text:
    """How much of an order a plan fills."""
    wanted = sum(line.quantity for line in wish.lines)
    filled = plan.objective.filled
    locations = len({each.stock_item.location for each in plan.allocations})  # of which a plan may not count all
    style = "bold green" if filled == wanted else "bold yellow" if filled else "bold red"
    said = Text.assemble((wish.channel, "bold"), "  ", (f"{filled:,} of {tables.counted(wanted, 'unit')}", style))
    if filled:
        said.append(f", from {tables.counted(locations, 'location')}")
    elif plan.filled_bound:
        said.append(f"; the order is wanted whole. With --partial {plan.filled_bound:,} could be sent")
    if not plan.exact:
        said.append(
            f"  perhaps not the best: at most {tables.counted(plan.filled_bound, 'unit')}, at least"
            f" {tables.counted(plan.locations_bound, 'location')}",
            style="yellow",
        )
    return said


def _drawn(
    title: Text, parts: Sequence[_Part], wish: fulfilment_pb2.Wish, missing: Iterable[fulfilment_pb2.Missing]
) -> Tree:
    tree = Tree(title)
    for location in sorted({part.item.location for part in parts}):
        here = [part for part in parts if part.item.location == location]
        branch = tree.add(Text(location, style="bold cyan"))
        together: dict[tuple[int, int], Tree] = {}
        for part in here:
            if not part.bundles or part.wanted is None:
                branch.add(_part(part))
                continue
            key = (part.line, part.bundles)
            if key not in together:
                label = Text.assemble(_units(part.bundles, part.wanted), ("  put together from", "dim"))
                together[key] = branch.add(label)
            together[key].add(_part(part))
    left_out = list(missing)
    if left_out:
        branch = tree.add(Text("missing", style="bold red"))
        for each in left_out:
            _lacking(branch, each, wish)
    return tree


def _part(part: _Part) -> Text:
    number = f"{part.number}: " if part.number else ""
    label = Text.assemble((number, "dim"), _units(part.quantity, part.item.product))
    details = tables.details(part.item)
    if details:
        label.append_text(Text.assemble("  ", details))
    if part.serves_as is not None and part.serves_as != part.item.product:
        label.append_text(Text.assemble(("  lent, as ", "yellow"), _product(part.serves_as)))
    if part.came:
        label.append(f"  {part.came}", style="blue")
    return label


def _lacking(branch: Tree, each: fulfilment_pb2.Missing, wish: fulfilment_pb2.Wish) -> None:
    """Units that are missing; the sentence names what comes nearest to them, a record has no sentences."""
    said = each.sentence or _units(each.quantity, _wanted(wish, each.line) or stock_pb2.Product())
    label = Text.assemble(("✗ ", "red"), said)
    label.append(f"  {word(each, 'verdict').lower().replace('_', ' ')}", style="yellow dim")
    leaf = branch.add(label)
    if each.HasField("nearest") and not each.sentence:
        item = each.nearest.stock_item
        near = Text.assemble(("nearest: ", "dim"), _units(each.nearest.quantity, item.product), f" in {item.location}")
        leaf.add(Text.assemble(near, "  ", tables.details(item)))


def _units(quantity: int, product: stock_pb2.Product) -> Text:
    return Text.assemble((f"{quantity:,}", "bold"), " ", _product(product))


def _product(product: stock_pb2.Product) -> Text:
    return tables.product(product.owner, product.sku)
