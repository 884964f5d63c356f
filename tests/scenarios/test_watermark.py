"""The worked example of docs/ledger.md: each row of its table is done, and leaves the counts that stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from tests.contract.tree import ROOT
from tests.kit.merchant import Merchant, item, request_id
from weir.ledger.v1 import ledger_service_pb2, reservation_service_pb2, snapshot_pb2

PAGE = (ROOT / "docs" / "ledger.md").read_text()
SKU, PLACE = "MUG", "DE1"


@dataclass(frozen=True, slots=True)
class Row:
    """What happens, and on hand, reserved and available units thereafter."""

    what: str
    counts: tuple[int, int, int]


def rows() -> Iterator[Row]:
    """The rows of the table."""
    for line in re.findall(r"^\| \d\d:\d\d \|(.+)\|$", PAGE, re.MULTILINE):
        what, *counts = (cell.strip() for cell in line.split("|"))
        yield Row(what, tuple(map(int, counts)))  # type: ignore[arg-type]


@dataclass(slots=True)
class Story:
    """Does what a row says."""

    merchant: Merchant
    deduction: snapshot_pb2.SnapshotDeduction.ValueType
    orders: dict[str, str] = field(default_factory=dict)
    report: snapshot_pb2.SnapshotLine | None = None

    async def do(self, what: str) -> None:
        """One row; fails where it cannot be read."""
        if found := re.fullmatch(r"(\d+) are received", what):
            await self.merchant.receive(SKU, **{PLACE: int(found[1])})
        elif found := re.fullmatch(r"order (\w) reserves (\d+)", what):
            made = await self.merchant.reserve(SKU, PLACE, int(found[2]))
            self.orders[found[1]] = made.reservation.reservation
        elif found := re.fullmatch(r"(\w) is handed over", what):
            await self.merchant.stubs.reservations.MarkHandedOver(
                reservation_service_pb2.MarkHandedOverRequest(
                    request_id=request_id(), reservation=self.orders[found[1]]
                )
            )
        elif found := re.fullmatch(r"(\w) ships (\d+)", what):
            await self._ship(self.orders[found[1]], int(found[2]))
        elif found := re.fullmatch(r"the warehouse sees (\d+) available", what):
            self.report = snapshot_pb2.SnapshotLine(stock_item=item(SKU, PLACE), quantity=int(found[1]))
            self.report.as_of_time.FromDatetime(datetime.now(UTC))
        else:
            assert what == "the report arrives"
            assert self.report is not None
            await self._import(self.report)

    async def _ship(self, reservation: str, units: int) -> None:
        stub = self.merchant.stubs.reservations
        await stub.Confirm(reservation_service_pb2.ConfirmRequest(request_id=request_id(), reservation=reservation))
        gone = await stub.Fulfil(
            reservation_service_pb2.FulfilRequest(request_id=request_id(), reservation=reservation)
        )
        assert gone.reservation.lines[0].fulfilled == units

    async def _import(self, report: snapshot_pb2.SnapshotLine) -> None:
        feed = snapshot_pb2.SnapshotFeed(
            basis=snapshot_pb2.SNAPSHOT_BASIS_AVAILABLE, deduction=self.deduction, as_of_time=report.as_of_time
        )
        message = ledger_service_pb2.ImportSnapshotRequest(request_id=request_id(), feed=feed, lines=[report])
        done = await self.merchant.stubs.ledger.ImportSnapshot(iter([message]))
        assert done.snapshot_import.applied == 1, done

    async def counts(self) -> tuple[int, int, int]:
        """On hand, reserved and available units."""
        asked = ledger_service_pb2.GetBalanceRequest(stock_item=item(SKU, PLACE))
        found = (await self.merchant.stubs.ledger.GetBalance(asked)).balance
        return found.on_hand, found.reserved, found.available


async def test_the_worked_example_is_what_happens(merchant: Merchant) -> None:
    """Row by row the counts are those of the table: a late report neither forgets an order nor deducts one twice."""
    story = Story(merchant, snapshot_pb2.SNAPSHOT_DEDUCTION_UNSPECIFIED)
    await merchant.location(PLACE)
    done = []
    for row in rows():
        await story.do(row.what)
        done.append(Row(row.what, await story.counts()))
    assert done == list(rows())
    assert len(done) == 8


@pytest.mark.parametrize(
    ("deduction", "sentence"),
    [
        (snapshot_pb2.SNAPSHOT_DEDUCTION_ALL, r"deducts ALL .+ leave\s(\d+) on hand"),
        (snapshot_pb2.SNAPSHOT_DEDUCTION_NONE, r"deducts NONE, (\d+)\."),
    ],
)
async def test_the_same_report_under_another_policy_is_another_figure(
    merchant: Merchant, deduction: snapshot_pb2.SnapshotDeduction.ValueType, sentence: str
) -> None:
    """What the page says of warehouses that deduct otherwise is so; and the control of the test above."""
    story = Story(merchant, deduction)
    await merchant.location(PLACE)
    for row in rows():
        await story.do(row.what)
    told = re.search(sentence, PAGE)
    assert told is not None
    assert (await story.counts())[0] == int(told[1])
