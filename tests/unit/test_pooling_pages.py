"""Pages of what pooling lists, where it is large: they are cut to what a message takes, and nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.kit.memory_pooling import House, nails
from weir.pooling.v1 import transfer_service_pb2 as pb
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.memory import MemoryObjects
from weir_chassis.configuration.objects import Change, Decision
from weir_chassis.idempotency import Attempt
from weir_chassis.paging import Pages
from weir_chassis.revisions import Origin
from weir_chassis.watch import Wakeups
from weir_pooling.domain.people import KINDS, Actor
from weir_pooling.domain.transfers import Line, State, Transfer
from weir_pooling.servicer.seeing import PART
from weir_pooling.servicer.transfers import TransferServicer

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOBODY: Any = None


def transfer(number: int, *, lines: int) -> Transfer:
    """A transfer of so many lines."""
    goods = tuple(Line(nails("hub")._replace(lot=f"{each:0100}"), 1) for each in range(lines))
    return Transfer(f"t{number:04}", "hub", "ann", State.PENDING, goods, Actor("hub", "hub"), NOON)


async def pages(*made: Transfer, size: int) -> list[list[str]]:
    """What a list of these transfers holds, page by page."""
    house = await House().people()

    async def all_of_them(_: Any) -> Decision[Transfer]:
        return Decision(made[0], tuple(map(Change, made)))

    await house.tenants.once(Attempt("acme", "put", "put", b""), all_of_them)
    handlers: Any = Handlers(house.tenants, Origin("pooling", "here", 1), KINDS)
    servicer = TransferServicer(handlers, house.settling, pages=Pages("here"), wakeups=Wakeups())
    found, token = [], ""
    with call.acting(call.Call("/list", Principal("acme", "hub", Role.READER))):
        while True:
            request = pb.ListTransfersRequest(page_size=size, page_token=token)
            answer = await servicer.ListTransfers(request, NOBODY)
            assert answer.ByteSize() < 2**20
            found.append([each.transfer for each in answer.transfers])
            token = answer.next_page_token
            if not token:
                return found


@pytest.mark.parametrize("size", [1, PART - 1, PART, PART + 1, 299, 300, 1000])
async def test_every_transfer_is_on_one_page(size: int) -> None:
    """Whatever the size of a page, every transfer is on one, newest first, and each page but the last is full."""
    made = [transfer(each, lines=1) for each in range(300 if size > 1 else 3)]
    found = await pages(*made, size=size)
    assert [each for page in found for each in page] == [each.transfer for each in reversed(made)]
    assert [len(page) for page in found[:-1]] == [size] * (len(found) - 1)


async def test_large_ones_take_more_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they would not fit into a message a page is shorter than was asked for, and no more of them is read at once
    than a part."""
    limits = []
    select = MemoryObjects.select

    async def counted(self: Any, kind: Any, *arguments: Any, **options: Any) -> Any:
        if kind is Transfer:
            limits.append(options["limit"])
        return await select(self, kind, *arguments, **options)

    monkeypatch.setattr(MemoryObjects, "select", counted)
    made = [transfer(each, lines=100) for each in range(150)]
    found = await pages(*made, size=1000)
    assert [each for page in found for each in page] == [each.transfer for each in reversed(made)]
    assert len(found) > 2
    assert max(limits) == PART
    assert len(limits) <= len(found) + 1
