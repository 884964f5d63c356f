"""Cases, what is used in them, and what lies there."""

from __future__ import annotations

from typing import Any

from tests.kit.ledger import Caller as Books
from tests.kit.ledger import item
from tests.kit.pooling import Caller
from weir.pooling.v1 import case_pb2, pool_pb2

OWN, HUB = pool_pb2.CUSTODY_OWN, pool_pb2.CUSTODY_HUB
CASE, LOAN = case_pb2.CASE_KIND_CASE, case_pb2.CASE_KIND_LOAN
OPEN, CLOSED = case_pb2.CASE_STATE_OPEN, case_pb2.CASE_STATE_CLOSED


def nail(custodian: str, lot: str = "L1") -> Any:
    """Nails of a lot in somebody's custody."""
    return item("NAIL", custodian=custodian, lot=lot)


async def opened(caller: Caller, **fields: Any) -> Any:
    """A new case."""
    return (await caller.do("CreateCase", case={"kind": CASE, **fields})).case


async def mark(caller: Caller, case: Any, custody: Any, *lines: tuple[Any, int]) -> Any:
    """The answer of MarkUsed, of units of stock items."""
    asked = [{"stock_item": stock_item, "quantity": quantity} for stock_item, quantity in lines]
    return await caller.do("MarkUsed", case=case.case, custody=custody, lines=asked)


async def lying(books: Books) -> list[int]:
    """Available nails: the rep's, and the hub's by lot."""
    found = [await books.balance(nail(who, lot)) for who, lot in (("rep", "L1"), ("hub", "L1"), ("hub", "L2"))]
    return [available for _, _, available, _ in found]
