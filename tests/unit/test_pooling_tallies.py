"""What is counted of a ledger's pages."""

from __future__ import annotations

from typing import Any

import pytest

from weir.common.v1 import revision_pb2, stock_pb2
from weir.ledger.v1 import ledger_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir_chassis.client import Peer
from weir_chassis.revisions import Revision
from weir_chassis.settings import ClientSettings
from weir_pooling.domain.alerts import Point
from weir_pooling.peers.tallies import PeerTallies


def revision(number: int) -> revision_pb2.Revision:
    """A revision of the ledger."""
    return revision_pb2.Revision(context="ledger", cluster="books", epoch=1, number=number)


def balance(location: str, available: int, lot: str = "", uom: str = "EACH") -> ledger_pb2.Balance:
    """Nails in somebody's custody."""
    item = stock_pb2.StockItem(product={"sku": "NAIL"}, location=location, lot=lot, uom=uom, custodian="rep")  # type: ignore[arg-type]
    return ledger_pb2.Balance(stock_item=item, available=available)


class Pages:
    """A ledger that answers in pages of one balance, its books going on after the first page that is asked for."""

    def __init__(self, *balances: ledger_pb2.Balance, goes_on: bool) -> None:
        """With these balances at revision 7."""
        self.balances = balances
        self.goes_on = goes_on
        self.asked: list[pb.ListBalancesRequest] = []

    async def ListBalances(self, request: pb.ListBalancesRequest) -> pb.ListBalancesResponse:
        self.asked.append(pb.ListBalancesRequest())
        self.asked[-1].CopyFrom(request)
        number = int(request.page_token or 0)
        newest = 8 if self.goes_on and len(self.asked) > 1 else 7
        known = request.as_of.revision if request.HasField("as_of") else revision(newest)
        token = str(number + 1) if number + 1 < len(self.balances) else ""
        return pb.ListBalancesResponse(balances=[self.balances[number]], next_page_token=token, revision=known)


async def counted(ledger: Pages, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is counted of it."""
    monkeypatch.setattr("weir_pooling.peers.tallies.LedgerServiceStub", lambda channel: ledger)
    async with Peer("127.0.0.1:1", ClientSettings()) as peer:
        return await PeerTallies(peer).tally("acme", "rep", "", ["NAIL"], fresh=Revision("ledger", "books", 1, 5))


async def test_every_lot_counts_and_no_other_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units are summed by location over lots, cartons are no units; asked is for what is held, sellable and fresh."""
    ledger = Pages(
        balance("W1", 3), balance("W1", 4, lot="L1"), balance("W1", 9, uom="CARTON"), balance("car", 2), goes_on=False
    )
    tally = await counted(ledger, monkeypatch)
    assert tally.available == {("NAIL", "W1"): 7, ("NAIL", "car"): 2}
    assert (tally.custodian, tally.skus, tally.books) == ("rep", ("NAIL",), Point("books", 1, 7))
    asked = ledger.asked[0]
    assert (asked.custodian, list(asked.skus), asked.held_only) == ("rep", ["NAIL"], True)
    assert (asked.condition, list(asked.freshness.at_least)) == (stock_pb2.CONDITION_SELLABLE, [revision(5)])


async def test_a_tally_is_of_one_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the books go on between two pages, all is read again as it was at the last one: a unit that moved between
    two places is neither missed nor counted twice."""
    ledger = Pages(balance("W1", 3), balance("car", 2), goes_on=True)
    tally = await counted(ledger, monkeypatch)
    assert tally.books == Point("books", 1, 8)
    assert [each.as_of.revision.number for each in ledger.asked] == [0, 0, 8, 8]
