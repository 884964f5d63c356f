"""Plans anew of generated reservations, after stock, locations and wishes have changed at random.

WEIR_ALLOCATION_CASES says how many are tried: 1000 unless it is set.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from tests.kit import filling
from tests.kit.filling import allowed
from tests.kit.orders import SIZES, order
from weir_allocation.fulfilment.model import Allocation, Line, Order, Quota
from weir_allocation.fulfilment.planner import plan
from weir_allocation.fulfilment.replan import Replanned, Standing, enlarge, replan
from weir_allocation.stock import Product, StockItem

CASES = int(os.environ.get("WEIR_ALLOCATION_CASES") or 1000)


def reserved(seed: int) -> tuple[Order, list[Standing]]:
    """An order that is promised as it is planned, with what it was planned with."""
    wanted = order(seed, SIZES[seed % len(SIZES)])
    wanted = replace(wanted, wish=replace(wanted.wish, whole=False), quotas=())
    return wanted, [
        Standing(place, each.line, each.item, each.quantity, 0, each.serves_as, each.bundles)
        for place, each in enumerate(plan(wanted).allocations)
    ]


def sent(chance: Random, wanted: Order, standing: list[Standing]) -> tuple[Order, list[Standing]]:
    """Some of it is sent, and so not there any more."""
    gone: Counter[StockItem] = Counter()
    found = []
    for each in standing:
        units = chance.randint(0, each.open) if chance.random() < 0.3 else 0
        gone[each.item] += units
        found.append(replace(each, open=each.open - units, fulfilled=units))
    return moved(wanted, {item: -units for item, units in gone.items()}), found


def moved(wanted: Order, by: dict[StockItem, int]) -> Order:
    """The same with other numbers of units there."""
    holdings = {
        product: [replace(stock, on_hand=stock.on_hand + by.get(stock.item, 0)) for stock in stocks]
        for product, stocks in wanted.holdings.items()
    }
    return replace(wanted, holdings=holdings)


def upset(chance: Random, wanted: Order) -> Order:
    """Something changes: units are lost and found, a location rejects, more or less is wanted."""
    items = [stock.item for stocks in wanted.holdings.values() for stock in stocks]
    by = {item: chance.choice((-3, -2, -1, 1, 2)) for item in items if chance.random() < 0.4}
    wish = wanted.wish
    locations = sorted({item.location for item in items})
    if locations and chance.random() < 0.3:
        wish = replace(wish, excluded=wish.excluded | {chance.choice(locations)})
    if chance.random() < 0.3:
        lines = tuple(replace(line, quantity=max(1, line.quantity + chance.randint(-1, 2))) for line in wish.lines)
        wish = replace(wish, lines=lines)
    if chance.random() < 0.1:
        wish = replace(wish, lines=tuple(chance.sample(wish.lines, len(wish.lines))))
    if chance.random() < 0.1:
        wish = replace(wish, locations_max=1)
    return replace(moved(wanted, by), wish=wish)


def after(standing: Sequence[Standing], found: Replanned) -> list[Standing]:
    """The reservation as it is changed."""
    left = [replace(each, open=each.open - found.releases.get(each.place, 0)) for each in standing]
    return left + [
        Standing(len(left) + place, each.line, each.item, each.quantity, 0, each.serves_as, each.bundles)
        for place, each in enumerate(found.allocations)
    ]


def promised(standing: Sequence[Standing]) -> Counter[StockItem]:
    """Units of each stock item."""
    found: Counter[StockItem] = Counter()
    for each in standing:
        found[each.item] += each.open
    return found


def there(wanted: Order) -> Counter[StockItem]:
    """Units that are there for the order."""
    return Counter({stock.item: stock.available for stocks in wanted.holdings.values() for stock in stocks})


def fits(line: Line, item: StockItem) -> bool:
    """Whether units of a stock item are of the sort that a line wants."""
    return item.uom == line.demand.uom and line.demand.lot in ("", item.lot)


def fine(wanted: Order, standing: Sequence[Standing]) -> int:
    """Units for lines themselves that are there, lie where they may and are still wanted: at least so many."""
    left, open_, count = there(wanted), Counter[int](), 0
    for index, line in enumerate(wanted.wish.lines):
        open_[index] = line.quantity - sum(each.fulfilled for each in standing if each.line == index)
    for each in standing:
        line = wanted.wish.lines[each.line]
        if each.bundles or line.product != each.serves_as or not fits(line, each.item):
            continue
        if each.item.location in allowed(wanted, line):
            units = max(0, min(each.open, left[each.item], open_[each.line]))
            left[each.item] -= units
            open_[each.line] -= units
            count += units
    return count


def test_a_plan_anew_of_what_is_fine_changes_nothing() -> None:
    """What was just promised stays as it is, also once some of it was sent, and all of it is filled."""
    for seed in range(CASES // 2):
        wanted, standing = reserved(seed)
        found = replan(wanted, standing)
        assert (found.releases, found.allocations) == ({}, ()), seed
        assert (found.plan.objective, found.plan.exact) == (plan(wanted).objective, True), seed


def test_a_plan_anew_loses_nothing_and_fits() -> None:
    """Whatever happened: what is promised anew is there, what is there stays filled, and once more changes nothing."""
    upsets = Counter[str]()
    for seed in range(CASES):
        chance = Random(seed)
        wanted, standing = reserved(seed)
        if chance.random() < 0.4:
            wanted, standing = sent(chance, wanted, standing)
        wanted = upset(chance, wanted)
        found = replan(wanted, standing)
        now = after(standing, found)
        units, held = promised(now), there(wanted)
        assert all(0 < found.releases[each.place] <= each.open for each in standing if each.place in found.releases), (
            seed
        )
        for each in found.allocations:
            assert units[each.item] <= held[each.item], seed
            assert each.item.location in allowed(wanted, wanted.wish.lines[each.line]), seed
        planned = promised_by(found.plan.allocations)
        assert not planned - units, seed
        assert not planned - held, seed
        assert found.plan.objective.filled <= found.plan.filled_bound, seed
        if not wanted.wish.one_location_per_line and wanted.wish.locations_max is None:
            assert found.plan.objective.filled >= fine(wanted, standing), seed
        assert kept(wanted, now) >= kept(wanted, standing), seed
        again = replan(wanted, now)
        assert (again.releases, again.allocations) == ({}, ()), seed
        assert again.plan == found.plan, seed
        upsets.update({"moved": bool(found.releases and found.allocations), "given up": bool(found.releases),
                       "promised": bool(found.allocations), "missing": bool(found.plan.missing)})  # fmt: skip
    assert min(upsets.values()) > CASES / 50, upsets


def test_quotas_change_nothing_of_a_plan_anew() -> None:
    """What was accepted stays, and may move, whatever is left of a share by now."""
    divided = 0
    for seed in range(CASES // 4):
        wanted, standing = reserved(seed)
        wanted = upset(Random(seed), wanted)
        quotas = order(seed, SIZES[seed % len(SIZES)]).quotas
        divided += bool(quotas)
        assert replan(replace(wanted, quotas=quotas), standing) == replan(wanted, standing), seed
    assert divided > CASES / 20


def test_more_than_was_accepted_is_kept_to_quotas() -> None:
    """What was accepted moves as if nothing else were wanted; what comes beside it is there, takes no more of a product
    than is left of it where it lies."""
    some = Counter[str]()
    for seed in range(CASES):
        chance = Random(seed)
        wanted, standing = reserved(seed)
        if chance.random() < 0.4:
            wanted, standing = sent(chance, wanted, standing)
        accepted = wanted.wish
        wanted = upset(chance, replace(wanted, quotas=order(seed, SIZES[seed % len(SIZES)]).quotas))
        if [_sort(line) for line in wanted.wish.lines] != [_sort(line) for line in accepted.lines]:
            continue
        pairs = zip(wanted.wish.lines, accepted.lines, strict=True)
        lines = [replace(more, quantity=min(more.quantity, had.quantity)) for more, had in pairs]
        accepted = replace(wanted.wish, lines=tuple(lines))
        before = replan(replace(wanted, wish=accepted), standing)
        found = enlarge(wanted, standing, accepted)
        assert found.releases == before.releases, seed
        had, now = promised(after(standing, before)), promised(after(standing, found))
        held = there(wanted)
        assert not had - now, seed
        assert all(now[item] <= held[item] for item in now - had), seed
        for each in wanted.quotas:
            units = _more(wanted, each, found) - _more(wanted, each, before)
            assert 0 <= units <= each.units, seed
            some.update({"nothing more": not units, "more": units > 0, "all": 0 < units == each.units})
        if not wanted.quotas:
            assert enlarge(replace(wanted, wish=accepted), standing, accepted) == before, seed
    assert min(some.values()) > CASES / 100, some


def _sort(line: Line) -> object:
    return line.product, line.demand, line.custodians


def _more(wanted: Order, quota: Quota, found: Replanned) -> int:
    """Units that a plan has of what a quota is of."""
    taken = [each for each in found.plan.allocations if each.item.location in quota.locations]
    places = sorted({(each.line, each.item.location) for each in taken})
    lines = [(line.product, line.demand.uom) for line in wanted.wish.lines]
    return sum(
        filling.units_of([each for each in taken if (each.line, each.item.location) == place])
        for place in places
        if lines[place[0]] == (quota.product, quota.uom)
    )


def promised_by(allocations: Sequence[Allocation]) -> Counter[StockItem]:
    """Units of each stock item."""
    found: Counter[StockItem] = Counter()
    for each in allocations:
        found[each.item] += each.quantity
    return found


def kept(wanted: Order, standing: Sequence[Standing]) -> int:
    """Units that are promised to lines that want them, or were sent to them; no more of a line than it wants."""
    count = 0
    for index, line in enumerate(wanted.wish.lines):
        parts = {product: quantity for product, (quantity, _) in filling.parts(wanted, line).items()}
        units, together = 0, Counter[tuple[str, Product]]()
        for each in (each for each in standing if each.line == index):
            if each.bundles and each.serves_as in parts:
                together[each.item.location, each.serves_as] += each.open + each.fulfilled
            elif not each.bundles and each.serves_as == line.product:
                units += each.fulfilled + (each.open if fits(line, each.item) else 0)
        for location in {location for location, _ in together}:
            units += min(together[location, product] // quantity for product, quantity in parts.items())
        count += min(line.quantity, units)
    return count
