"""What people are shown of custody: whose goods they are, who did what for whom, and what is still under way."""

from __future__ import annotations

import io

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from typer.testing import CliRunner

from tests.unit.test_cli_shown import shown
from weir.common.v1 import stock_pb2
from weir.pooling.v1 import alert_pb2, case_pb2, case_service_pb2, pool_pb2
from weir_cli import tables
from weir_cli.main import app
from weir_cli.moving import stock_item
from weir_cli.pooling import alerts, cases, custody, people, transfers
from weir_cli.promising import LineUnreadable

THEN = Timestamp(seconds=1_790_000_000)
AT = tables.time(THEN)
ROSA = pool_pb2.Actor(user="rosa", acting_for="rosa")
FOR_ROSA = pool_pb2.Actor(user="nord", acting_for="rosa")
OWN, HUB, MEMBER = pool_pb2.CUSTODY_OWN, pool_pb2.CUSTODY_HUB, pool_pb2.CUSTODY_MEMBER


def stock(custodian: str, custody: int, available: int, **more: int) -> pool_pb2.Stock:
    """Screws in somebody's custody."""
    return pool_pb2.Stock(
        stock_item=stock_item("SCREW", "VAN", lot="L1", custodian=custodian),
        custody=custody,  # type: ignore[arg-type]
        on_hand=available,
        available=available,
        expiry_date="2027-01-31",
        **more,
    )


def test_the_hubs_custody_is_red_and_ones_own_plain_and_both_are_words() -> None:
    """Colour says again what the words say: HUB is red, OWN has no colour, and both are readable without any."""
    file = io.StringIO()
    Console(file=file, width=160, force_terminal=True, color_system="standard").print(
        custody.stock([stock("rosa", OWN, 3), stock("nord", HUB, 10)])
    )
    own, hub = file.getvalue().splitlines()[2:4]
    red = "\x1b[31m"
    assert ("OWN" in own, red in own) == (True, False)
    assert "HUB" in hub
    assert all(f"{red}{word}" in hub for word in ("nord", "SCREW", "VAN"))


def test_goods_on_their_way_have_a_column_where_there_are_some() -> None:
    """What is in a transfer is shown beside what is available, and the sum of each custody stands below."""
    found = [stock("nord", OWN, 7, in_transfer=3), stock("rosa", MEMBER, 1_000), stock("ada", MEMBER, 5)]
    assert shown(custody.stock(found))[0].split() == [
        *("custody", "custodian", "product", "location", "last", "day", "on", "hand", "available", "in"),
        "transfer",
    ]
    assert shown(custody.stock(found))[2].split() == [
        *("OWN", "nord", "SCREW", "VAN", "lot", "L1", "2027-01-31", "7", "7", "3")
    ]
    assert custody.available(found) == "available: 7 OWN, 1,005 MEMBER"
    assert "transfer" not in shown(custody.stock([stock("rosa", OWN, 3)]))[0]
    assert custody.available([]) == "nothing in custody"


TRANSFER = pool_pb2.Transfer(
    transfer="t-1",
    sender="nord",
    recipient="rosa",
    state=pool_pb2.TRANSFER_STATE_DECLINED,
    lines=[
        pool_pb2.TransferLine(line=1, stock_item=stock_item("SCREW", "DEPOT", lot="L1"), quantity=4, removed=1),
        pool_pb2.TransferLine(line=2, stock_item=stock_item("PLATE", "DEPOT"), quantity=2),
    ],
    note="for Monday",
    reason="damaged",
    requested_by=pool_pb2.Actor(user="nord", acting_for="nord"),
    settled_by=FOR_ROSA,
    create_time=THEN,
    settle_time=THEN,
)


def test_a_transfer_says_who_did_what_for_whom() -> None:
    """Both names where one acted for the other; what was taken out of it counts no more."""
    said = shown(*transfers.transfer_shown(TRANSFER))
    assert said[:5] == [
        "t-1  DECLINED  nord → rosa  5 units",
        f"asked for by nord at {AT}",
        f"declined by nord for rosa at {AT}",
        "note: for Monday",
        "reason: damaged",
    ]
    assert [line.split() for line in said[-2:]] == [
        ["1", "SCREW", "DEPOT", "lot", "L1", "4", "1"],
        ["2", "PLATE", "DEPOT", "2", "0"],
    ]
    waiting = pool_pb2.Transfer(
        transfer="t-2", state=pool_pb2.TRANSFER_STATE_PENDING, under_way="ACCEPT", quick=True, sender="a", recipient="b"
    )
    assert shown(transfers.transfer_line(waiting)) == ["t-2  PENDING  a → b  0 units  at once  ACCEPT is under way"]
    assert shown(transfers.transfer_table([TRANSFER]))[2].split()[:5] == ["t-1", "DECLINED", "nord", "rosa", "5"]


def test_a_stocking_order_says_what_lay_where_before() -> None:
    """From which shelf to which facility, by whom, and that the ledger has not been heard of yet."""
    order = pool_pb2.StockingOrder(
        stocking_order="s-1", hub="nord", facility="WARD", placed_by=FOR_ROSA, create_time=THEN, under_way=True,
        lines=[pool_pb2.StockLine(stock_item=stock_item("SCREW", "DEPOT"), quantity=2)], note="as agreed",
    )  # fmt: skip
    said = shown(*transfers.stocking_shown(order))
    assert said[:2] == [f"s-1  nord → WARD  placed by nord for rosa at {AT}  placing is under way", "note: as agreed"]
    assert said[-1].split() == ["SCREW", "DEPOT", "2"]


CASE = case_pb2.Case(
    case="c-1",
    kind=case_pb2.CASE_KIND_CASE,
    user="rosa",
    display_name="Hip, left",
    facility="WARD",
    reference="OP 7",
    state=case_pb2.CASE_STATE_CLOSED,
    created_by=ROSA,
    create_time=THEN,
    closed_by=FOR_ROSA,
    close_time=THEN,
)
USAGE = case_pb2.Usage(
    usage="u-1", case="c-1", stock_item=stock_item("SCREW", "VAN", lot="L1", custodian="nord"), quantity=3, unmarked=1,
    custody=HUB, marked_by=ROSA, mark_time=THEN,
)  # fmt: skip
COMMENT = case_pb2.Comment(
    comment="k-1", case="c-1", text="@nord all gone", author="rosa", mentions=["nord"], create_time=THEN
)


def test_a_case_says_who_opened_and_closed_it() -> None:
    """On whose behalf as well, and what was used of what and taken back."""
    assert shown(*cases.case_shown(CASE)) == [
        "c-1  CLOSED  CASE of rosa  at WARD  reference OP 7  Hip, left",
        f"opened by rosa at {AT}, closed by nord for rosa at {AT}",
    ]
    row = shown(cases.usage_table([USAGE]))[2]
    assert row.split() == ["u-1", "HUB", "SCREW", "VAN", "lot", "L1", "3", *AT.split(), "1", "rosa"]
    assert shown(cases.comment_line(COMMENT)) == [f"{AT}  rosa  @nord all gone  → nord"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (case_service_pb2.CaseChange(case=CASE), "c-1  CLOSED  CASE of rosa  at WARD  reference OP 7  Hip, left"),
        (case_service_pb2.CaseChange(usage=USAGE), "c-1  used  SCREW@VAN lot L1  3 HUB  1 taken back"),
        (case_service_pb2.CaseChange(comment=COMMENT), f"c-1  said  {AT}  rosa  @nord all gone  → nord"),
    ],
)
def test_a_change_of_a_case_is_a_line(change: case_service_pb2.CaseChange, line: str) -> None:
    """Of the case itself, of what was used in it, of what was said on it."""
    assert shown(cases.change_line(change)) == [line]


def test_alerts_and_notifications_are_lines() -> None:
    """How much was there of how much, and who said what on which case."""
    product = stock_pb2.Product(sku="SCREW")
    alert = alert_pb2.Alert(
        custodian="rosa", product=product, par=3, available=2, state=alert_pb2.ALERT_STATE_OPEN, open_time=THEN
    )
    assert shown(alerts.alert_line(alert)) == ["OPEN  rosa  SCREW  2 of 3 were available when it opened"]
    assert shown(alerts.alert_table([alert]))[2].split() == ["rosa", "anywhere", "SCREW", "OPEN", "2", "3", *AT.split()]
    told = alert_pb2.Notification(
        notification="n-1", user="nord", case="c-1", author="rosa", text="@nord all gone", create_time=THEN
    )
    assert shown(alerts.notification_line(told)) == ["n-1  rosa on c-1 to nord: @nord all gone"]
    told.read_time.CopyFrom(THEN)
    assert shown(alerts.notification_line(told))[0].endswith("  read")


def test_a_pool_says_in_words_whether_it_shares() -> None:
    """The switch is a word, and a pool without members says so."""
    pool = pool_pb2.Pool(pool="north", hub="nord", access_hub_stock=True)
    row, members = shown(*people.pool_shown(pool))[2:]
    assert (row.split(), members) == (["north", "nord", "0", "shared"], "members: none")
    assert "not shared" in shown(*people.pool_shown(pool_pb2.Pool(pool="north", hub="nord")))[2]


def test_units_of_a_usage_are_all_unless_they_are_named() -> None:
    """`USAGE` is all that is marked, `USAGE=2` two of it; anything else cannot be read."""
    assert cases.usage_units("u-1") == case_service_pb2.UsageUnits(usage="u-1")
    assert cases.usage_units("u-1=2") == case_service_pb2.UsageUnits(usage="u-1", quantity=2)
    for text in ("u-1=", "u-1=0", "u-1=two"):
        with pytest.raises(LineUnreadable):
            cases.usage_units(text)


@pytest.mark.parametrize(
    "words",
    [
        ["custody", "rosa", "--mine", "--both"],
        ["pool", "switch", "north", "maybe"],
        ["user", "create", "rosa", "boss"],
        ["transfer", "request", "nord", "rosa", "SCREW=2"],
        ["transfer", "remove", "t-1", "x=2"],
        ["case", "unuse", "c-1", "u-1=0"],
        ["case", "report"],
        ["par", "set", "rosa", "SCREW", "0"],
        ["transfer", "list", "--count", "2"],
        ["alerts", "--state", "gone"],
    ],
)
def test_lines_that_cannot_be_meant_are_told_before_anybody_is_asked(words: list[str]) -> None:
    """Exit status 2, and nothing was called."""
    assert CliRunner().invoke(app, words).exit_code == 2
