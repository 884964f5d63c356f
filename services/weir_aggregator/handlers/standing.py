"""What a reservation promises, in the words of the wish that it fills."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from weir_aggregator.domain import UNWANTED, Purpose, Recorded, Replan
from weir_aggregator.ports import PromisedLine
from weir_aggregator.projection import Returned, Wanted, weight
from weir_allocation.custody import View
from weir_allocation.fulfilment.model import Line, Terms, Wish
from weir_allocation.fulfilment.replan import Standing
from weir_allocation.stock import Holdings, Product, Stock, StockItem
from weir_chassis.errors import Malformed, Violation


def wished(asked: Replan, recorded: Recorded) -> tuple[Wish, tuple[Purpose, ...]]:
    """The wish that is to be filled, and what each line of the reservation is for in it.

    Lines of another wish are known again by what they want, and those alike by their order. Raises Malformed where it
    is of another channel.
    """
    wish = recorded.wish if asked.wish is None else asked.wish
    if asked.wish is not None and asked.channel != recorded.channel:
        raise Malformed([Violation("wish.channel", f"The order was placed in '{recorded.channel}'.")])
    places = _known_again(recorded.wish, wish)
    purposes = (each._replace(line=places.get(each.line, UNWANTED)) for each in recorded.purposes)
    return replace(wish, excluded=wish.excluded | asked.rejected), tuple(purposes)


def standing(lines: Sequence[PromisedLine], purposes: Sequence[Purpose]) -> list[Standing]:
    """The lines of a reservation as they stand for a wish."""
    return [
        Standing(place, purpose.line, line.item, line.open, line.fulfilled, purpose.serves_as, purpose.bundles)
        for place, (line, purpose) in enumerate(zip(lines, purposes, strict=True))
    ]


def require_room(wish: Wish, stands: Iterable[Standing], under: Terms) -> None:
    """Raises Malformed where more was sent than another wish has, or something that it leaves out."""
    sent, _ = _counted(stands, wish, under)
    if sent[UNWANTED]:
        raise Malformed([Violation("wish.lines", f"It leaves out {sent[UNWANTED]} units that were sent already.")])
    over = [line for line, each in enumerate(wish.lines) if sent[line] > each.quantity]
    if over:
        raise Malformed(
            [Violation(f"wish.lines[{line}].quantity", f"{sent[line]} were sent already.") for line in over]
        )


def promised(wish: Wish, stands: Iterable[Standing], under: Terms) -> Wish:
    """The wish with no more units of each line than were promised, and not given up since."""
    sent, ever = _counted(stands, wish, under)
    return replace(
        wish,
        lines=tuple(replace(each, quantity=max(sent[line], ever[line])) for line, each in enumerate(wish.lines)),
    )


def accepted(wish: Wish, stands: Iterable[Standing], under: Terms) -> Wish:
    """What of another wish was promised, and not given up since."""
    before = promised(wish, stands, under)
    pairs = zip(wish.lines, before.lines, strict=True)
    lines = (replace(each, quantity=min(each.quantity, had.quantity)) for each, had in pairs)
    return replace(wish, lines=tuple(lines))


def returned(releases: Mapping[int, int], lines: Sequence[PromisedLine], recorded: Recorded) -> Returned:
    """What units that are given up count, of what each was promised for; `releases` are by place in the reservation."""
    counts: dict[Wanted, Counter[str | None]] = defaultdict(Counter)
    for place, units in releases.items():
        purpose, counted = recorded.purposes[place], lines[place].counted
        if purpose.line == UNWANTED:
            continue
        line = recorded.wish.lines[purpose.line]
        weighs = counted.weight if counted else weight(recorded.terms.sharing, line.product, purpose)
        counts[line.product, line.demand.uom][counted.claim if counted else None] += units * weighs
    return counts


def given_back(holdings: Holdings, stands: Iterable[Standing]) -> Holdings:
    """The stock as if nothing of a reservation were promised."""
    own = Counter[StockItem]()
    for each in stands:
        own[each.item] += each.open
    touched = {(item.owner, item.sku) for item, units in own.items() if units}
    return {
        product: [_less(stock, own[stock.item]) for stock in there] if product in touched else there
        for product, there in holdings.items()
    }


def _counted(stands: Iterable[Standing], wish: Wish, under: Terms) -> tuple[Counter[int], Counter[int]]:
    """Units and bundles of each line of a wish of which something was sent, and all that are promised or sent.

    A bundle counts as sent with its first part, as promised with all of them.
    """
    sent, ever = Counter[int](), Counter[int]()
    parts: dict[tuple[int, str], list[Standing]] = defaultdict(list)
    for each in stands:
        if each.bundles and each.line != UNWANTED:
            parts[each.line, each.item.location].append(each)
            continue
        sent[each.line] += each.fulfilled
        ever[each.line] += each.fulfilled + each.open
    for (line, _), together in parts.items():
        bundle = under.sharing.bundles.get(wish.lines[line].product)
        gone, all_units = Counter[Product](), Counter[Product]()
        for each in together:
            gone[each.serves_as] += each.fulfilled
            all_units[each.serves_as] += each.fulfilled + each.open
        needs = bundle.parts if bundle else ()
        sent[line] += max((-(-gone[part] // quantity) for part, quantity in needs), default=0)
        ever[line] += min((all_units[part] // quantity for part, quantity in needs), default=0)
    return sent, ever


def _less(stock: Stock, units: int) -> Stock:
    return replace(stock, reserved=max(0, stock.reserved - units)) if units else stock


def _known_again(former: Wish, latter: Wish) -> Mapping[int, int]:
    """The line of a later wish for each line of a former one that is in it: of those that want the same, in order."""
    alike: dict[object, list[int]] = defaultdict(list)
    for line, each in enumerate(latter.lines):
        alike[_sort(each)].append(line)
    places: dict[int, int] = {}
    for line, each in enumerate(former.lines):
        if alike[_sort(each)]:
            places[line] = alike[_sort(each)].pop(0)
    return places


def _sort(line: Line) -> object:
    return line.product, line.demand, line.view or line.custodians or View.BOTH
