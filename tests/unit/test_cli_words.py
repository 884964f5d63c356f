"""The words of a command line are read as meant, and told apart from what cannot be meant."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
import typer

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, reservation_pb2
from weir.sharing.v1 import network_pb2
from weir_cli.documents import document, word
from weir_cli.linking import ComponentUnreadable, component
from weir_cli.options import Point, day, hoisted, moment, month, point, span
from weir_cli.promising import LineUnreadable, line_claim, line_quantity, order_line
from weir_cli.services import SERVICES
from weir_cli.sheets import joined, split
from weir_cli.upping import exports


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["levels", "--json"], ["--json", "levels"]),
        (["levels", "--tenant", "acme", "MUG"], ["--tenant", "acme", "levels", "MUG"]),
        (["levels", "--ledger=a:1"], ["--ledger=a:1", "levels"]),
        (["reserve", "--", "--json"], ["reserve", "--", "--json"]),
        (["up", "--ledger-port", "0"], ["up", "--ledger-port", "0"]),
        (["levels", "--tenant"], ["--tenant", "levels"]),
        ([], []),
    ],
)
def test_shared_options_may_stand_anywhere(line: list[str], expected: list[str]) -> None:
    """They are moved before the verb with their values; what follows `--` stays."""
    assert hoisted(line) == expected


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 604_800), (" 1 M ", 60)])
def test_spans_are_read(text: str, seconds: int) -> None:
    """A whole number and a unit."""
    assert span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "m", "1.5h", "-1m", "1w", "9999999999s"])
def test_other_spans_are_refused(text: str) -> None:
    """Anything else is a fault of the line."""
    with pytest.raises(typer.BadParameter):
        span(text)


def test_moments_are_read_with_their_offset() -> None:
    """ISO 8601, turned into UTC; what is none is a fault of the line."""
    assert moment("2026-11-22T10:00:00+01:00").isoformat() == "2026-11-22T09:00:00+00:00"
    with pytest.raises(typer.BadParameter):
        moment("yesterday")


@pytest.mark.parametrize(
    ("text", "sku", "location", "quantity"),
    [("MUG@DE1=2", "MUG", "DE1", 2), ("MUG@DE1", "MUG", "DE1", 1), ("A@B=C@DE1=3", "A@B=C", "DE1", 3)],
)
def test_order_lines_are_read_from_the_right(text: str, sku: str, location: str, quantity: int) -> None:
    """A stock keeping unit may hold the marks that divide a line."""
    line = order_line(text, owner="acme", lot="L1")
    assert (line.stock_item.product.owner, line.stock_item.product.sku) == ("acme", sku)
    assert (line.stock_item.location, line.stock_item.lot, line.quantity) == (location, "L1", quantity)


@pytest.mark.parametrize("text", ["MUG", "@DE1", "MUG@", "MUG@DE1=0", "MUG@DE1=x", "MUG@DE1=1000000001", "MUG@DE1=-1"])
def test_other_order_lines_are_refused(text: str) -> None:
    """A line without product, location or a quantity in range cannot be meant."""
    with pytest.raises(LineUnreadable):
        order_line(text)


def test_lines_of_a_reservation_are_read() -> None:
    """`LINE=QUANTITY`, both from 1."""
    assert line_quantity("2=3") == reservation_pb2.LineQuantity(line=2, quantity=3)
    for text in ("2", "0=1", "1=0", "a=1", "=1"):
        with pytest.raises(LineUnreadable):
            line_quantity(text)


def test_claims_are_read_from_the_right() -> None:
    """`KEY=CEILING:WEIGHT`, of which the key alone must be there; it may hold the marks that divide them."""
    assert line_claim("shop=epoch 1=3") == reservation_pb2.LineClaim(claim="shop=epoch 1", ceiling=3)
    assert line_claim("shop=0") == reservation_pb2.LineClaim(claim="shop", ceiling=0)
    assert line_claim("share:1f") == reservation_pb2.LineClaim(claim="share:1f")
    assert line_claim("share:1f=9:4") == reservation_pb2.LineClaim(claim="share:1f", ceiling=9, weight=4)
    assert line_claim("a=b=:4") == reservation_pb2.LineClaim(claim="a=b", weight=4)
    for text in ("", "shop=", "=1", "shop=-1", "shop=x", f"shop={10**15 + 1}", "shop=:", "shop=1:", "shop=1:0",
                 "shop=:0", f"shop=:{10**9 + 1}", "shop=1:2:3"):  # fmt: skip
        with pytest.raises(LineUnreadable):
            line_claim(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [("17", 17), ("0", 0), ("2026-11-22T10:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC))],
)
def test_points_in_history_are_revisions_or_moments(text: str, at: int | datetime) -> None:
    """A whole number is a revision, anything else a moment, and what is neither a fault of the line."""
    assert point(text) == Point(at)
    with pytest.raises(typer.BadParameter):
        point("yesterday")


def test_months_are_read_as_their_first_day() -> None:
    """A year and a month, and nothing else."""
    assert month("2026-06") == date(2026, 6, 1)
    for text in ("2026-13", "2026", "2026-06-01", "June", "0000-01"):
        with pytest.raises(typer.BadParameter):
            month(text)


def test_days_are_read_as_written() -> None:
    """A day of the calendar, or never; nothing else."""
    assert (day("2028-02-29"), day("never")) == ("2028-02-29", "")
    for text in ("2027-02-29", "31.1.2027", "", "soon"):
        with pytest.raises(typer.BadParameter):
            day(text)


@pytest.mark.parametrize(("text", "sku", "quantity"), [("MUG=4", "MUG", 4), ("MUG", "MUG", 1), ("A=B=2", "A=B", 2)])
def test_components_are_read_from_the_right(text: str, sku: str, quantity: int) -> None:
    """A stock keeping unit may hold the mark that divides them; without a quantity it is one."""
    assert component(text, "acme") == network_pb2.Component(
        product=stock_pb2.Product(owner="acme", sku=sku), quantity=quantity
    )


@pytest.mark.parametrize("text", ["MUG=0", "MUG=x", "MUG=1000001", "MUG=-1", "MUG="])
def test_other_components_are_refused(text: str) -> None:
    """A quantity out of range cannot be meant."""
    with pytest.raises(ComponentUnreadable):
        component(text, "")


def test_names_in_a_cell_are_divided_by_commas() -> None:
    """As in a row of CSV: a name may hold a comma or a quotation mark, and comes back as it was."""
    assert split("DE1, FR") == ("DE1", "FR")
    assert split("") == ()
    for names in ((), ("DE1",), ("a, b", 'c"d', "e"), ('"',), ("'",)):
        assert split(joined(names)) == names
    with pytest.raises(ValueError, match="quotation mark"):
        split('"DE1')


def test_bytes_in_documents_are_hexadecimal() -> None:
    """A digest is shown as everybody writes one."""
    assert document(ledger_pb2.ChainHead(digest=b"\x00\xff"))["digest"] == "00ff"


def test_documents_hold_every_field_by_its_name_in_the_contract() -> None:
    """Numbers are numbers, enums words, what is unset null; a program need not know which fields were empty."""
    entry = ledger_pb2.Entry(
        revision=2**40, kind=ledger_pb2.ENTRY_KIND_RECEIVE, stock_item=stock_pb2.StockItem(location="DE1")
    )
    entry.recorded_time.FromJsonString("2026-11-22T10:00:00Z")
    found = document(entry)
    assert set(found) == {field.name for field in ledger_pb2.Entry.DESCRIPTOR.fields}
    assert (found["revision"], found["kind"], found["account"]) == (2**40, "RECEIVE", "UNSPECIFIED")
    assert (found["recorded_time"], found["occurred_time"]) == ("2026-11-22T10:00:00Z", None)
    assert found["stock_item"]["product"] is None
    assert json.loads(json.dumps(found)) == found
    assert document(entry, without=("stock_item",)).keys() == found.keys() - {"stock_item"}


def test_spans_in_documents_are_seconds() -> None:
    """A hold of a minute and a half is 90.0."""
    draft = reservation_pb2.ReservationDraft()
    draft.hold_duration.FromSeconds(90)
    assert document(draft)["hold_duration"] == 90.0


def test_a_word_that_a_newer_service_says_is_its_number() -> None:
    """A value of an enum that this version does not know is shown, not an accident."""
    item = stock_pb2.StockItem(condition=77)  # type: ignore[arg-type]
    assert word(item, "condition") == "77"


def test_lines_to_paste_name_only_unusual_addresses() -> None:
    """Where a service listens on its usual port nothing need be said."""
    usual = {name: service.target for name, service in SERVICES.items()}
    assert exports({**usual, "postgres": "127.0.0.1:1"}) == ""
    assert exports({**usual, "ledger": "127.0.0.1:9"}) == "WEIR_LEDGER_TARGET=127.0.0.1:9 "
