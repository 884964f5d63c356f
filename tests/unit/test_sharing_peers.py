"""How the ledger is asked what lies where: in portions that it takes, and as of one revision."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from weir.common.v1.revision_pb2 import Revision
from weir.ledger.v1 import ledger_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir_allocation.stock import Stock, StockItem
from weir_chassis.client import Peer
from weir_sharing.domain import Product
from weir_sharing.peers import SKUS_MAX, PeerLedger


class Books:
    """A ledger whose books go on at every question about now; each stock item holds as many units as there were
    commits.
    """

    def __init__(self, *, quiet: bool) -> None:
        """At commit 7; `quiet` books do not go on."""
        self.number, self.quiet = 7, quiet
        self.asked: list[pb.ListBalancesRequest] = []

    async def ListBalances(self, request: pb.ListBalancesRequest) -> pb.ListBalancesResponse:
        """A page for each stock keeping unit."""
        asked = pb.ListBalancesRequest()
        asked.CopyFrom(request)
        self.asked.append(asked)
        number = request.as_of.revision.number or self.number
        self.number += not self.quiet
        place = int(request.page_token or 0)
        balance: Any = {
            "stock_item": {
                "product": {"owner": request.owner, "sku": request.skus[place]},
                "location": "W1",
                "lot": "L",
            },
            "on_hand": number,
        }
        balance["stock_item"] |= {"uom": "EACH", "condition": 1}
        last = place + 1 == len(request.skus)
        return pb.ListBalancesResponse(
            balances=[ledger_pb2.Balance(**balance)],
            next_page_token="" if last else str(place + 1),
            revision=Revision(context="ledger", number=number),
        )

    async def ListLots(self, request: pb.ListLotsRequest) -> pb.ListLotsResponse:
        """Two pages; the lot `L` is on the second."""
        page = "L" if request.page_token else "K"
        lots = [ledger_pb2.Lot(product=request.product, lot=page, expiry_date="2027-01-31")]
        return pb.ListLotsResponse(lots=lots, next_page_token="" if request.page_token else "more")


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """A peer that is never called."""
    async with Peer("127.0.0.1:1") as unused:
        yield unused


@pytest.mark.parametrize("quiet", [True, False])
async def test_all_pages_are_of_one_revision(peer: Peer, quiet: bool) -> None:
    """Books that go on between two pages are read again as they stood at the last of them, books that rest only
    once.
    """
    ledger, books = PeerLedger(peer), Books(quiet=quiet)
    ledger._ledger = books  # type: ignore[assignment]
    products = [Product("acme", "A"), Product("", "B"), Product("", "A")]
    held = await ledger.held(products, {})
    commit = 7 if quiet else 9
    assert held.revision.number == commit
    day = date(2027, 1, 31)
    assert held.holdings == {each: [Stock(StockItem(*each, "W1", "L"), commit, 0, day)] for each in products}
    assert [each.as_of.revision.number for each in books.asked] == [0, 0, 0] + ([] if quiet else [9, 9, 9])


async def test_the_ledger_is_asked_for_no_more_than_it_takes(peer: Peer) -> None:
    """Products are named by owner, as many at once as the ledger takes; each is asked for once."""
    ledger, books = PeerLedger(peer), Books(quiet=True)
    ledger._ledger = books  # type: ignore[assignment]
    products = [Product(owner, str(number)) for owner in ("", "acme") for number in range(SKUS_MAX + 1)]
    held = await ledger.held(products, {})
    assert set(held.holdings) == set(products)
    first = [each for each in books.asked if not each.page_token]
    assert [(each.owner, len(each.skus)) for each in first] == [
        ("", SKUS_MAX),
        ("", 1),
        ("acme", SKUS_MAX),
        ("acme", 1),
    ]
