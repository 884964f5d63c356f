"""The worked examples of docs/pooling.md, played in a ledger and a pooling service.

    HUB sends ANN 4    => HUB 6 of 10
    HUB accepts        => refused AUTHORITY_INSUFFICIENT

What happens stands before the arrow; behind it either the refusal, or what persons have then: how much is available,
and of how much, where some of it is not.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest

from tests.contract.tree import ROOT
from tests.kit import ledger as books
from tests.kit.ledger import ledger
from tests.kit.pooling import ADMINISTRATOR, Caller, Pooling, pooling
from tests.kit.postgres import PostgresForTests
from tests.kit.stories import Example, examples
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2
from weir.pooling.v1 import case_pb2, pool_pb2
from weir_chassis import status

EXAMPLES = examples((ROOT / "docs" / "pooling.md").read_text())
SHELF, HOSPITAL = "SHELF", "HOSPITAL"
VIEWS = {
    "mine": stock_pb2.STOCK_VIEW_MY_CUSTODY,
    "shared": stock_pb2.STOCK_VIEW_SHARED_BY_DISTRIBUTOR,
    "both": stock_pb2.STOCK_VIEW_BOTH,
    "all": stock_pb2.STOCK_VIEW_UNSPECIFIED,
}
HAS = re.compile(r"(?P<person>\w+) (?P<available>\d+)(?: of (?P<on_hand>\d+))?")

_numbers = itertools.count()
Services = tuple[books.Ledger, Pooling]


class Played:
    """A tenant whose people do what the sentences say."""

    def __init__(self, running: Services) -> None:
        """Nobody is there yet."""
        tenant = f"played {next(_numbers)}"
        self._ledger = running[0].caller(tenant)
        self._calls: Callable[[str], Caller] = lambda user: running[1].caller(tenant, user=user)
        self._transfer = self._case = self._usage = ""
        self._says: list[tuple[str, Callable[..., Awaitable[None]]]] = [
            (r"(\w+) leads (.+)", self._lead),
            (r"there are (.+)", self._lie),
            (r"(\w+) (opens|closes) its stock", self._switch),
            (r"(\w+) sends (\w+) (\d+)( at once)?", lambda a, to, n, now: self._send(a, a, to, n, now)),
            (r"(\w+) takes (\d+) from (\w+)( at once)?", lambda a, n, whose, now: self._send(a, whose, a, n, now)),
            (
                r"(\w+) moves (\d+) from (\w+) to (\w+)( at once)?",
                lambda a, n, f, to, now: self._send(a, f, to, n, now),
            ),
            (r"(\w+) (accepts|cancels|declines|returns it)", self._settle),
            (r"(\w+) takes out (\d+)", self._take_out),
            (r"(\w+) stocks (\d+) at (\w+)", self._stock),
            (r"(\w+) uses (\d+) of (\w+)(?: at (\w+))?", self._use),
            (r"(\w+) takes back (\d+)", self._take_back),
            (r"(\w+) (closes|opens) the case", self._turn_case),
        ]

    async def begin(self) -> None:
        """The places, and an administrator."""
        for location, kind in ((SHELF, "WAREHOUSE"), (HOSPITAL, "FACILITY")):
            wanted = {"location": location, "kind": f"LOCATION_KIND_{kind}"}
            await self._ledger.do("CreateLocation", location=wanted)
        await self._calls("").user("ADMIN", ADMINISTRATOR)

    async def let(self, sentence: str) -> str:
        """Let it happen; the reason why it is refused, or nothing."""
        for pattern, happening in self._says:
            if found := re.fullmatch(pattern, sentence):
                try:
                    await happening(*found.groups())
                except grpc.aio.AioRpcError as error:
                    return status.reason(error)
                return ""
        raise AssertionError(f"nobody understands: {sentence}")

    async def sees(self, person: str, what: str) -> int:
        """How much is available of what a person sees."""
        listed = await self._calls(person).do("ListStock", view=VIEWS[what])
        return sum(each.available for each in listed.stock)

    async def has(self, person: str) -> tuple[int, int]:
        """How much is available in a custody, and how much is there."""
        listed = await self._ledger.do("ListBalances", custodian=person)
        return sum(each.available for each in listed.balances), sum(each.on_hand for each in listed.balances)

    async def _lead(self, hub: str, members: str) -> None:
        await self._calls("").pool("pool", hub, *members.split(" and "))

    async def _lie(self, what: str) -> None:
        for units, person in re.findall(r"(\d+) with (\w+)", what):
            await self._ledger.record(books.movement(ledger_pb2.ENTRY_KIND_RECEIVE, _goods(person), int(units)))

    async def _switch(self, hub: str, way: str) -> None:
        await self._calls("ADMIN").do("SetHubAccess", pool="pool", access_hub_stock=way == "opens")

    async def _send(self, actor: str, sender: str, recipient: str, units: str, now: str | None) -> None:
        lines = [{"stock_item": _goods(sender), "quantity": int(units)}]
        method = "QuickTransfer" if now else "RequestTransfer"
        done = await self._calls(actor).do(method, sender=sender, recipient=recipient, lines=lines)
        self._transfer = done.transfer.transfer

    async def _settle(self, actor: str, how: str) -> None:
        method = {"accepts": "Accept", "cancels": "Cancel", "declines": "Decline", "returns it": "Return"}[how]
        more = {"reason": "not mine"} if how == "declines" else {}
        await self._calls(actor).do(f"{method}Transfer", transfer=self._transfer, **more)

    async def _take_out(self, actor: str, units: str) -> None:
        taken = [{"line": 1, "quantity": int(units)}]
        await self._calls(actor).do("RemoveTransferUnits", transfer=self._transfer, units=taken)

    async def _stock(self, hub: str, units: str, facility: str) -> None:
        lines = [{"stock_item": _goods(hub), "quantity": int(units)}]
        await self._calls(hub).do("PlaceStockingOrder", hub=hub, facility=facility, lines=lines)

    async def _use(self, person: str, units: str, whose: str, place: str | None) -> None:
        if not self._case:
            made = await self._calls(person).do("CreateCase", case={"kind": case_pb2.CASE_KIND_CASE, "user": person})
            self._case = made.case.case
        used = await self._calls(person).do(
            "MarkUsed",
            case=self._case,
            custody=pool_pb2.CUSTODY_OWN if whose == person else pool_pb2.CUSTODY_HUB,
            lines=[{"stock_item": _goods(whose, place or SHELF), "quantity": int(units)}],
        )
        self._usage = used.usages[0].usage

    async def _take_back(self, person: str, units: str) -> None:
        back = [{"usage": self._usage, "quantity": int(units)}]
        await self._calls(person).do("UnmarkUsed", case=self._case, units=back)

    async def _turn_case(self, person: str, way: str) -> None:
        await self._calls(person).do("CloseCase" if way == "closes" else "ReopenCase", case=self._case)


def _goods(person: str, location: str = SHELF) -> stock_pb2.StockItem:
    return books.item("SCREW", location, custodian=person)


@pytest.fixture(scope="module")
async def running(postgres: PostgresForTests) -> AsyncIterator[Services]:
    """A ledger, and a pooling service that asks it."""
    with postgres.fresh(books.SCHEMA, "weir_pooling") as database:
        async with ledger(database) as kept, pooling(database, ledger=kept.server.address) as pooled:
            yield kept, pooled


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
async def test_an_example_is_what_happens(running: Services, example: Example) -> None:
    """Each sentence is refused for the reason that stands behind it, or done; and then everybody has, or sees, what
    stands there."""
    played = Played(running)
    await played.begin()
    for line in filter(None, map(str.strip, example.text.splitlines())):
        sentence, _, outcome = (part.strip() for part in line.partition("=>"))
        if looking := re.fullmatch(r"(\w+) sees", sentence):
            seen = {what: await played.sees(looking[1], what) for what in re.findall(r"([a-z]+) \d+", outcome)}
            assert ", ".join(f"{what} {units}" for what, units in seen.items()) == outcome, line
            continue
        refused = await played.let(sentence)
        assert refused == (outcome.removeprefix("refused ") if "refused" in outcome else ""), line
        for has in HAS.finditer("" if refused else outcome):
            available = int(has["available"])
            assert await played.has(has["person"]) == (available, int(has["on_hand"] or available)), line
