"""Orders on the command line: what a line wishes, and the picture of which location sends what."""

from __future__ import annotations

import zlib

import pytest
from rich.text import Text
from typer.testing import CliRunner

from tests.unit.test_cli_shown import shown
from weir.aggregator.v1 import fulfilment_pb2 as pb
from weir.common.v1 import stock_pb2, verdict_pb2
from weir.ledger.v1 import reservation_pb2, waiting_pb2
from weir_cli import picturing
from weir_cli.awaiting import back_orders_named, change_line
from weir_cli.main import app
from weir_cli.picturing import planned, promised, recorded, title, waits
from weir_cli.promising import LineUnreadable
from weir_cli.wishing import Wished, location_distance, wish_line

WISH = pb.Wish(
    channel="shop",
    lines=[wish_line("BLUE=5"), wish_line("SET"), wish_line("POT=2")],
    preferred_locations=["DE1"],
)


def product(sku: str, owner: str = "") -> stock_pb2.Product:
    """A product."""
    return stock_pb2.Product(owner=owner, sku=sku)


def item(sku: str, location: str, lot: str = "") -> stock_pb2.StockItem:
    """A stock item."""
    return stock_pb2.StockItem(product=product(sku), location=location, lot=lot, uom="EACH")


def chosen(line: int, at: stock_pb2.StockItem, units: int, serves: str = "", bundles: int = 0) -> pb.Allocation:
    """Units of a plan."""
    serves_as = product(serves or at.product.sku)
    return pb.Allocation(line=line, stock_item=at, quantity=units, serves_as=serves_as, bundles=bundles)


PLAN = pb.Plan(
    allocations=[
        chosen(1, item("BLUE", "DE1"), 3),
        chosen(1, item("CREAM", "DE2"), 2, "BLUE"),
        chosen(2, item("KETTLE", "DE2", "L1"), 1, bundles=1),
        chosen(2, item("CREAM", "DE2"), 4, "BLUE", bundles=1),
    ],
    missing=[
        pb.Missing(
            line=3,
            quantity=2,
            verdict=verdict_pb2.VERDICT_EXCLUDED,
            sentence="2 of 2 POT missing: 2 units lie at 'US', which is left out.",
            nearest=pb.Alternative(
                stock_item=item("POT", "US"), quantity=2, verdict=verdict_pb2.VERDICT_EXCLUDED, sentence="There."
            ),
        )
    ],
    objective=pb.Objective(filled=6, locations=2),
    exact=True,
    filled_bound=6,
    locations_bound=2,
)


def lines(*parts: reservation_pb2.ReservationLine) -> reservation_pb2.Reservation:
    """A confirmed reservation."""
    state = reservation_pb2.RESERVATION_STATE_CONFIRMED
    return reservation_pb2.Reservation(reservation="r-1", state=state, order="A-1", channel="shop", lines=parts)


def line(
    number: int, at: stock_pb2.StockItem, *, open: int = 0, fulfilled: int = 0, released: int = 0
) -> reservation_pb2.ReservationLine:
    """One line of a reservation."""
    units = open + fulfilled + released
    return reservation_pb2.ReservationLine(
        line=number, stock_item=at, requested=units, quantity=units, open=open, fulfilled=fulfilled, released=released
    )


def kept(plan: pb.Plan | None = None) -> bytes:
    """How the plan above is kept with its reservation."""
    purposes = [
        pb.Purpose(line=1),
        pb.Purpose(line=1, serves_as=product("BLUE")),
        pb.Purpose(line=2, serves_as=product("KETTLE"), bundles=1),
        pb.Purpose(line=2, serves_as=product("BLUE"), bundles=1),
    ]
    return zlib.compress(pb.RecordedPlan(wish=WISH, purposes=purposes, plan=plan).SerializeToString())


@pytest.mark.parametrize(("text", "sku", "units"), [("MUG=4", "MUG", 4), ("MUG", "MUG", 1), ("A=B=2", "A=B", 2)])
def test_lines_of_an_order_are_read_from_the_right(text: str, sku: str, units: int) -> None:
    """A stock keeping unit may hold the mark that divides them; without a quantity it is one."""
    found = wish_line(text, owner="acme", lot="L1", uom="CARTON", custodians=["ann", "hub"])
    assert (found.product, found.quantity) == (product(sku, "acme"), units)
    assert (found.lot, found.uom, list(found.custodians)) == ("L1", "CARTON", ["ann", "hub"])


@pytest.mark.parametrize("text", ["", "=2", "MUG=", "MUG=0", "MUG=x", "MUG=1000000001", "MUG=-1"])
def test_other_lines_of_an_order_are_refused(text: str) -> None:
    """A line without a product or a quantity in range cannot be meant."""
    with pytest.raises(LineUnreadable):
        wish_line(text)


def test_distances_are_read_from_the_right() -> None:
    """`LOCATION=DISTANCE`, from 0; nothing else."""
    assert location_distance("A=B=0") == pb.LocationDistance(location="A=B", distance=0)
    for text in ("DE1", "=1", "DE1=", "DE1=-1", "DE1=far", f"DE1={10**9 + 1}"):
        with pytest.raises(LineUnreadable):
            location_distance(text)


def test_what_may_wait_is_read_from_the_right() -> None:
    """`SKU=LIMIT`, from 0; nothing else."""
    assert back_orders_named("A=B=0", "acme") == waiting_pb2.BackOrders(product=product("A=B", "acme"))
    for text in ("MUG=", "=1", "MUG=-1", "MUG=x", f"MUG={10**15 + 1}"):
        with pytest.raises(LineUnreadable):
            back_orders_named(text, "")


def test_a_wish_is_changed_in_what_is_named() -> None:
    """The rest stays as it was; what is a list is replaced whole."""
    assert Wished().nothing
    assert Wished().of(WISH) == WISH
    said = Wished(lines=[wish_line("BLUE=1")], partial=True, locations_max=0, own_stock_only=False, excluded=["FR"])
    assert not said.nothing
    changed = pb.Wish(
        channel="shop",
        lines=[wish_line("BLUE=1")],
        mode=pb.FULFILMENT_MODE_AS_MUCH_AS_POSSIBLE,
        preferred_locations=["DE1"],
        excluded_locations=["FR"],
    )
    assert said.of(WISH) == changed
    whole = Wished(partial=False, preferred=["DE2"], one_location_per_line=True).of(changed)
    assert whole.mode == pb.FULFILMENT_MODE_WHOLE_ORDER
    assert (list(whole.preferred_locations), whole.one_location_per_line) == (["DE2"], True)


def test_a_plan_is_a_picture_of_which_location_sends_what() -> None:
    """By location: its own units, lent ones, and parts below what is put together from them; then what is missing."""
    assert shown(planned(title(WISH, PLAN), WISH, PLAN)) == [
        "shop  6 of 8 units, from 2 locations",
        "├── DE1",
        "│   └── 1: 3 BLUE",
        "├── DE2",
        "│   ├── 2: 2 CREAM  lent, as BLUE",
        "│   └── 1 SET  put together from",
        "│       ├── 3: 1 KETTLE  lot L1",
        "│       └── 4: 4 CREAM  lent, as BLUE",
        "└── missing",
        "    └── ✗ 2 of 2 POT missing: 2 units lie at 'US', which is left out.  excluded",
    ]
    assert "│   └── 3 BLUE" in shown(planned(Text("now"), WISH, PLAN, numbered=False))


def test_what_waits_is_not_missing() -> None:
    """Neither in the picture of a plan nor in that of a reservation; of a line that waits in part the rest is."""
    one = waiting_pb2.Waiting(lines=[waiting_pb2.WaitingLine(line=1, product=product("POT"), quantity=1)])
    both = waiting_pb2.Waiting(lines=[waiting_pb2.WaitingLine(line=1, product=product("POT"), quantity=2)])
    for waiting, rest in ((one, ["    └── ✗ 1 POT  excluded", "        └── nearest: 1 POT in US"]), (both, [])):
        plan = shown(planned(Text("now"), WISH, PLAN, waiting=[waiting]))
        found = shown(promised(lines(), recorded(kept()), PLAN.missing, [waiting]))
        assert found[1:] == (["└── missing", *rest] if rest else [])
        assert plan[8:] == found[1:]


def test_a_whole_order_that_cannot_be_filled_says_what_could() -> None:
    """Nothing is sent; the title says how much would be without the wish for all of it."""
    nothing = pb.Plan(missing=PLAN.missing, exact=True, filled_bound=6, locations_bound=0)
    assert shown(title(WISH, nothing)) == [
        "shop  0 of 8 units; the order is wanted whole. With --partial 6 could be sent"
    ]
    assert shown(title(WISH, pb.Plan(exact=True))) == ["shop  0 of 8 units"]


def test_a_plan_that_may_not_be_the_best_says_so() -> None:
    """With how much better another one might be."""
    sending = [pb.Allocation(stock_item=stock_pb2.StockItem(location=each), quantity=2) for each in ("A", "B", "C")]
    objective = pb.Objective(filled=6, locations=3)
    plan = pb.Plan(allocations=sending, objective=objective, filled_bound=7, locations_bound=2)
    assert shown(title(WISH, plan)) == [
        "shop  6 of 8 units, from 3 locations  perhaps not the best: at most 7 units, at least 2 locations"
    ]


def test_every_location_that_sends_is_counted_for_people() -> None:
    """Those where a person has something himself too, which a plan does not count as it chooses."""
    sending = [pb.Allocation(stock_item=stock_pb2.StockItem(location=each), quantity=4) for each in ("van", "DE2")]
    plan = pb.Plan(allocations=sending, objective=pb.Objective(filled=8, locations=1), exact=True)
    assert shown(title(WISH, plan)) == ["shop  8 of 8 units, from 2 locations"]


def test_a_reservation_is_a_picture_of_what_became_of_its_plan() -> None:
    """What was recorded with it says what each line is for; lines given up whole are left out, what is shipped is
    said."""
    found = lines(
        line(1, item("BLUE", "DE1"), open=1, fulfilled=2),
        line(2, item("CREAM", "DE2"), released=2),
        line(3, item("KETTLE", "DE2", "L1"), fulfilled=1),
        line(4, item("CREAM", "DE2"), open=3, released=1),
        line(5, item("BLUE", "FR"), open=2),
    )
    missing = pb.Plan(missing=PLAN.missing)
    missing.missing[0].sentence = ""
    how = recorded(kept(missing))
    assert shown(promised(found, how, how.plan.missing)) == [
        "r-1  CONFIRMED  order A-1  channel shop",
        "├── DE1",
        "│   └── 1: 3 BLUE  2 of them shipped",
        "├── DE2",
        "│   └── 1 SET  put together from",
        "│       ├── 3: 1 KETTLE  lot L1  shipped",
        "│       └── 4: 3 CREAM  lent, as BLUE",
        "├── FR",
        "│   └── 5: 2 BLUE",
        "└── missing",
        "    └── ✗ 2 POT  excluded",
        "        └── nearest: 2 POT in US",
    ]


def test_a_reservation_that_nobody_planned_is_drawn_as_it_is() -> None:
    """Whoever reserved it may keep with it what they like: what is no plan is passed over."""
    found = lines(line(1, item("BLUE", "DE1"), open=1))
    for plan in (b"", b"mine", zlib.compress(b"\xff"), kept()[:-9]):
        how = recorded(plan)
        assert how == pb.RecordedPlan()
        assert shown(promised(found, how)) == [
            "r-1  CONFIRMED  order A-1  channel shop", "└── DE1", "    └── 1: 1 BLUE",
        ]  # fmt: skip


def test_a_record_that_unfolds_without_end_is_not_unfolded() -> None:
    """What is opened of it has a bound."""
    endless = pb.RecordedPlan(wish=pb.Wish(channel="x" * picturing.RECORDED_BYTES_MAX)).SerializeToString()
    assert recorded(zlib.compress(endless)) == pb.RecordedPlan()


WAITING = waiting_pb2.Waiting(
    waiting="w-1",
    state=waiting_pb2.WAITING_STATE_WAITING,
    order="A-1",
    channel="shop",
    whole=True,
    changed_revision=7,
    reservations=["r-2"],
    lines=[
        waiting_pb2.WaitingLine(line=1, product=product("BLUE"), quantity=5, open=2, promised=2, cancelled=1),
        waiting_pb2.WaitingLine(line=2, product=product("POT", "acme"), quantity=1, open=1),
    ],
)


def test_what_waits_is_told_by_line_with_who_promises_the_rest() -> None:
    """How much is still to come, how much is promised since and by what, how much is wanted no longer."""
    assert shown(waits(WAITING)) == [
        "w-1  WAITING  order A-1  channel shop  promised all at once",
        "├── 1: 5 BLUE  2 to come, 2 promised, 1 cancelled",
        "├── 2: 1 acme/POT  1 to come",
        "└── promised by r-2",
    ]
    assert shown(change_line(WAITING)) == [
        "w-1  WAITING  order A-1  channel shop  promised all at once  BLUE 2 of 5 to come  acme/POT 1 of 1 to come"
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("order", "plan", "MUG"), ("order", "plan", "MUG=0", "-c", "shop"), ("order", "place", "-c", "shop"),
        ("order", "place", "MUG", "-c", "shop", "--confirm", "--hold", "1h"),
        ("order", "plan", "MUG", "-c", "shop", "--distance", "DE1"), ("order", "ship", "r-1", "MUG=1"),
        ("order", "cancel", "r-1", "1"), ("order", "replan", "r-1", "MUG=x"), ("waiting", "--state", "LOST"),
        ("waiting", "--count", "2"), ("waiting", "cancel", "w-1", "1=0"), ("back-orders", "MUG=x"),
        ("order", "plan", "MUG", "-c", "shop", "--max-locations", "-1"),
    ],
)  # fmt: skip
def test_lines_that_cannot_be_meant_are_status_2(words: tuple[str, ...]) -> None:
    """A fault of the line itself is told before anybody is called."""
    said = CliRunner().invoke(app, list(words))
    assert said.exit_code == 2, said.output
