"""ListStock over gRPC, with a ledger beneath: who sees what, page by page, also while goods change hands."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit.calling import refusal
from tests.kit.ledger import RECEIVE, TRANSFER, Ledger, item, movement
from tests.kit.ledger import Caller as Books
from tests.kit.pooling import ADMINISTRATOR, Caller, Pooling, pooling
from tests.kit.postgres import FreshDatabase
from weir.common.v1 import revision_pb2, stock_pb2
from weir.pooling.v1 import pool_pb2
from weir_chassis.errors import Kind

MY, SHARED, BOTH = (
    stock_pb2.STOCK_VIEW_MY_CUSTODY,
    stock_pb2.STOCK_VIEW_SHARED_BY_DISTRIBUTOR,
    stock_pb2.STOCK_VIEW_BOTH,
)
OWN, HUB, MEMBER = pool_pb2.CUSTODY_OWN, pool_pb2.CUSTODY_HUB, pool_pb2.CUSTODY_MEMBER


@pytest.fixture
async def books(beneath: Ledger, tenant: str) -> Books:
    """A caller of the tenant's ledger, with one place."""
    caller = beneath.caller(tenant)
    await caller.place("W1")
    return caller


@pytest.fixture
async def caller(service: Pooling, tenant: str) -> Caller:
    """A caller who is nobody here, and so an administrator; there is a pool."""
    caller = service.caller(tenant)
    await caller.pool("north", "hub", "rep", "rival", on=True)
    return caller


async def put(books: Books, **units: int) -> Any:
    """Units of one product in the custody of each person; the revision."""
    movements = [movement(RECEIVE, item("NAIL", custodian=each), count) for each, count in units.items()]
    return (await books.record(*movements)).revision


async def sums(caller: Caller, **asked: Any) -> dict[int, int]:
    """Available units by custody, as one page tells."""
    found: dict[int, int] = {}
    answer = await caller.do("ListStock", page_size=1000, **asked)
    assert not answer.next_page_token
    for each in answer.stock:
        found[each.custody] = found.get(each.custody, 0) + each.available
    return found


async def test_the_switch_on_and_off(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """A rep has 3, the hub 10: he sees 3, 10 and 13 while the switch is on, and 3, 0 and 3 once it is off; each row
    says whose custody it is."""
    await put(books, rep=3, hub=10, rival=7)
    rep = service.caller(tenant, user="rep")
    assert [await sums(rep, view=view) for view in (MY, SHARED, BOTH)] == [{OWN: 3}, {HUB: 10}, {OWN: 3, HUB: 10}]
    await caller.do("SetHubAccess", pool="north", access_hub_stock=False)
    assert [await sums(rep, view=view) for view in (MY, SHARED, BOTH)] == [{OWN: 3}, {}, {OWN: 3}]
    assert await sums(rep) == {OWN: 3}


async def test_the_hub_sees_all_of_its_pool(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """The hub sees its own and every member's custody, whatever the switch says, of whom it names if it names any; and
    a member's view as the member sees it."""
    await put(books, rep=3, hub=10, rival=7)
    hub = service.caller(tenant, user="hub")
    await caller.do("SetHubAccess", pool="north", access_hub_stock=False)
    assert await sums(hub) == {OWN: 10, MEMBER: 10}
    assert await sums(hub, view=MY) == {OWN: 10}
    assert await sums(hub, custodians=["rival"]) == {MEMBER: 7}
    assert await sums(hub, custodians=["rival", "hub"]) == {OWN: 10, MEMBER: 7}
    assert await sums(hub, viewer="rep") == {OWN: 3}
    assert await sums(caller, viewer="hub") == {OWN: 10, MEMBER: 10}
    assert await sums(caller, custodians=["hub", "rep"]) == {HUB: 10, MEMBER: 3}
    assert await sums(caller) == {}


async def test_nobody_else_is_seen(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """A member sees no fellow's goods; of persons outside of his pool nobody learns whether there are any; who is
    nobody here sees nothing."""
    await caller.pool("south", "other hub", "other rep", on=True)
    await put(books, rival=7, **{"other hub": 5, "other rep": 5})
    rep, hub = service.caller(tenant, user="rep"), service.caller(tenant, user="hub")
    assert await sums(rep) == {}
    for asked in ({"viewer": "rival"}, {"custodians": ["rival"]}, {"viewer": "hub"}):
        told = await rep.refused("ListStock", **asked)
        assert (told.kind, told.reason) == (Kind.FORBIDDEN, "AUTHORITY_INSUFFICIENT"), asked
    for person in (rep, hub):
        for name in ("other rep", "other hub", "nobody"):
            for asked in ({"viewer": name}, {"custodians": [name]}):
                told = await person.refused("ListStock", **asked)
                assert (told.kind, told.reason, told.metadata) == (Kind.UNKNOWN, "USER_NOT_FOUND", {"user": name})
    assert (await caller.refused("ListStock", viewer="nobody")).reason == "USER_NOT_FOUND"
    assert (await caller.refused("ListStock", custodians=["nobody"])).reason == "USER_NOT_FOUND"
    assert (await service.caller(tenant, user="nobody").refused("ListStock")).reason == "AUTHORITY_INSUFFICIENT"
    elsewhere = service.caller(f"{tenant} elsewhere")
    await elsewhere.pool("north", "hub", "rep", on=True)
    assert await sums(service.caller(f"{tenant} elsewhere", user="hub")) == {}


async def test_what_a_row_says(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """Lots with their last day, places, and all conditions, of which only what is sellable is available; what is gone
    is left out; filters let through what they say."""
    await books.place("W2")
    await books.do("SetLot", lot={"product": {"sku": "NAIL"}, "lot": "L1", "expiry_date": "2031-01-31"})
    goods = [
        item("NAIL", custodian="rep", lot="L1"),
        item("NAIL", custodian="rep", lot="L2"),
        item("NAIL", custodian="rep", condition=stock_pb2.CONDITION_HOLD),
        item("NAIL", "W2", custodian="rep", condition=stock_pb2.CONDITION_DAMAGED),
        item("SAW", "W2", custodian="rep"),
        item("GONE", custodian="rep"),
    ]
    await books.record(*(movement(RECEIVE, each, 5) for each in goods))
    await books.ship(goods[-1], 5)
    await books.confirmed((goods[0], 2))
    rep = service.caller(tenant, user="rep")

    async def found(**asked: Any) -> list[tuple[str, str, str, int, int, int, str]]:
        answer = await rep.do("ListStock", **asked)
        return [
            (row.stock_item.product.sku, row.stock_item.location, row.stock_item.lot, row.stock_item.condition,
             row.on_hand, row.available, row.expiry_date)
            for row in answer.stock
        ]  # fmt: skip

    whole = await found()
    assert whole == [
        ("NAIL", "W1", "", stock_pb2.CONDITION_HOLD, 5, 0, ""),
        ("NAIL", "W1", "L1", stock_pb2.CONDITION_SELLABLE, 5, 3, "2031-01-31"),
        ("NAIL", "W1", "L2", stock_pb2.CONDITION_SELLABLE, 5, 5, ""),
        ("NAIL", "W2", "", stock_pb2.CONDITION_DAMAGED, 5, 0, ""),
        ("SAW", "W2", "", stock_pb2.CONDITION_SELLABLE, 5, 5, ""),
    ]
    assert await found(skus=["SAW", "no"]) == whole[4:]
    assert await found(locations=["W2"]) == whole[3:]
    assert await found(condition=stock_pb2.CONDITION_HOLD) == whole[:1]
    assert await found(skus=["NAIL"], locations=["W2"], condition=stock_pb2.CONDITION_SELLABLE) == []


@pytest.mark.parametrize("size", [1, 2, 5, 12, 13])
async def test_pages(service: Pooling, caller: Caller, books: Books, tenant: str, size: int) -> None:
    """Pages of any size are of that size and make up the whole list: custody by custody, then as the ledger lists."""
    goods = [item(f"P{number}", custodian=each) for each in ("rep", "hub", "rival") for number in range(4)]
    await books.record(*(movement(RECEIVE, each, 5) for each in goods))
    hub = service.caller(tenant, user="hub")
    whole = (await hub.do("ListStock")).stock
    assert [(each.custody, each.stock_item.custodian) for each in whole[::4]] == [
        (OWN, "hub"), (MEMBER, "rep"), (MEMBER, "rival"),
    ]  # fmt: skip
    pages = [page async for page in hub.pages("ListStock", size)]
    assert [each for page in pages for each in page.stock] == list(whole)
    assert all(len(page.stock) == size for page in pages[:-1])
    assert len({page.ledger_revision.number for page in pages}) == 1


async def test_pages_go_on_whoever_leaves(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """Where the switch is turned off, or somebody leaves the pool, between two pages, the next one goes on with whom
    there still is to see."""
    await put(books, rep=3, hub=10, rival=7)
    rep, hub = service.caller(tenant, user="rep"), service.caller(tenant, user="hub")
    first = await rep.do("ListStock", page_size=1)
    assert [each.custody for each in first.stock] == [OWN]
    await caller.do("SetHubAccess", pool="north", access_hub_stock=False)
    rest = await rep.do("ListStock", page_token=first.next_page_token, page_size=1)
    assert (list(rest.stock), rest.next_page_token) == ([], "")
    nothing = await rep.do("ListStock", view=SHARED)
    assert not nothing.stock
    assert not nothing.HasField("ledger_revision")
    first = await hub.do("ListStock", page_size=1)
    await caller.do("UpdatePool", pool={"pool": "north", "hub": "hub", "members": ["rival"]})
    rest = await hub.do("ListStock", page_token=first.next_page_token, page_size=1)
    assert [each.stock_item.custodian for each in rest.stock] == ["rival"]


async def test_a_page_is_of_one_moment(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """While goods go back and forth between a rep and the hub, every page that shows both shows each unit with one of
    them."""
    await put(books, rep=3, hub=10)
    rep = service.caller(tenant, user="rep")
    done = asyncio.Event()

    async def move() -> None:
        here, there = "hub", "rep"
        while not done.is_set():
            source, destination = item("NAIL", custodian=here), item("NAIL", custodian=there)
            await books.record(movement(TRANSFER, source, 3, destination=destination))
            here, there = there, here

    moving = asyncio.create_task(move())
    seen: set[tuple[int, int]] = set()
    while len(seen) < 2:
        found = await sums(rep)
        assert sum(found.values()) == 13
        seen.add((found.get(OWN, 0), found[HUB]))
    done.set()
    await moving


async def test_many_who_hold_little(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """A page asks the ledger of some persons only, and goes on with the next: pages may be short, and miss nobody."""
    members = [f"rep {number:03}" for number in range(60)]
    await caller.pool("south", "south hub", *members)
    await put(books, **{members[-1]: 5})
    pages = [page async for page in service.caller(tenant, user="south hub").pages("ListStock", 10)]
    assert [len(page.stock) for page in pages] == [0, 1]


async def test_how_fresh(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """An answer includes the revisions of pooling and of the ledger that are asked for; foreign and future ones are
    refused."""
    revision = await put(books, rep=3)
    rep = service.caller(tenant, user="rep")
    seen = await caller.do("GetUser", user="rep")
    answer = await rep.do("ListStock", freshness={"at_least": [revision, seen.revision]})
    assert answer.ledger_revision.number >= revision.number
    assert answer.revision == seen.revision
    for drawn in (revision, seen.revision):
        for field, value, reason in (("number", drawn.number + 9, "REVISION_AHEAD"),
                                     ("cluster", "elsewhere", "REVISION_FOREIGN")):  # fmt: skip
            wrong = revision_pb2.Revision()
            wrong.CopyFrom(drawn)
            setattr(wrong, field, value)
            assert (await rep.refused("ListStock", freshness={"at_least": [wrong]})).reason == reason


async def test_the_ledger_is_away(database: FreshDatabase, caller: Caller, tenant: str) -> None:
    """Without the ledger nothing is known of goods, and that is said; who may not ask is told so all the same."""
    async with pooling(database) as alone:
        told = await alone.caller(tenant, user="rep").refused("ListStock")
        assert (told.kind, told.reason) == (Kind.AWAY, "PEER_AWAY")
        assert (await alone.caller(tenant, user="nobody").refused("ListStock")).reason == "AUTHORITY_INSUFFICIENT"


async def test_an_administrator_who_is_a_person(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """An administrator among the persons sees what is in his own custody, and whom he names."""
    await caller.user("boss", ADMINISTRATOR)
    await put(books, boss=1, rep=3, hub=10)
    boss = service.caller(tenant, user="boss")
    assert await sums(boss) == {OWN: 1}
    assert await sums(boss, custodians=["boss", "rep", "hub"]) == {OWN: 1, HUB: 10, MEMBER: 3}
    assert await sums(boss, viewer="rep") == {OWN: 3, HUB: 10}


async def test_tokens(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """A token belongs to one query; of another one, or made up, it is refused."""
    await put(books, rep=3, hub=10)
    rep = service.caller(tenant, user="rep")
    token = (await rep.do("ListStock", page_size=1)).next_page_token
    assert token
    for asked in ({"view": MY}, {"skus": ["NAIL"]}, {"viewer": "rep"}):
        told = await refusal(rep.do("ListStock", page_token=token, **asked))
        assert (told.kind, told.reason) == (Kind.MALFORMED, "PAGE_TOKEN_INVALID")
    assert (await rep.refused("ListStock", page_token="x" * 64)).reason == "PAGE_TOKEN_INVALID"


async def test_who_holds_goods_stays(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """A person in whose custody anything is, whatever its condition, is not removed, and the refusal says what holds
    him; once all is gone he is, and a request that is repeated has its first outcome whatever he holds by then."""
    await caller.user("leaver")
    held = item("NAIL", custodian="leaver", lot="L1", condition=stock_pb2.CONDITION_HOLD)
    await books.record(movement(RECEIVE, held, 5))
    for fields in ({"request_id": "early"}, {"request_id": "early"}, {"validate_only": True}):
        told = await caller.refused("DeleteUser", user="leaver", **fields)
        assert (told.kind, told.reason) == (Kind.UNMET, "USER_IN_USE")
        assert told.metadata == {"user": "leaver", "used_by": "stock item NAIL at W1, lot L1"}
    await books.ship(held, 5)
    assert (await caller.refused("DeleteUser", user="leaver", request_id="early")).reason == "USER_IN_USE"
    await caller.do("DeleteUser", user="leaver", validate_only=True)
    done = await caller.do("DeleteUser", user="leaver", request_id="late")
    await put(books, leaver=1)
    assert await caller.do("DeleteUser", user="leaver", request_id="late") == done
    assert (await caller.refused("DeleteUser", user="leaver")).reason == "USER_NOT_FOUND"


async def test_what_holds_a_person(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """All that rests on a person is named at once; who may not remove him is not told."""
    await put(books, rep=1)
    told = await caller.refused("DeleteUser", user="rep")
    assert told.metadata["used_by"] == "pool north, stock item NAIL at W1"
    for name in ("rep", "hub"):
        told = await service.caller(tenant, user=name).refused("DeleteUser", user="rep")
        assert told.reason == "AUTHORITY_INSUFFICIENT"


async def requested(caller: Caller, *units: int) -> str:
    """A transfer of nails from the hub to the rep, a line as many units; which."""
    lines = [{"stock_item": item("NAIL", lot=f"L{number}"), "quantity": count} for number, count in enumerate(units)]
    answer = await caller.do("RequestTransfer", sender="hub", recipient="rep", lines=lines)
    made: str = answer.transfer.transfer
    return made


async def test_what_is_on_its_way(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """Units of a transfer that waits are with the sender and not available; every viewer is told that they are on their
    way, and the recipient that they are on their way to him; once it is settled they are not."""
    await books.record(*(movement(RECEIVE, item("NAIL", lot=f"L{each}", custodian="hub"), 10) for each in range(2)))
    transfer = await requested(caller, 4, 3)
    await caller.do("RemoveTransferUnits", transfer=transfer, units=[{"line": 2, "quantity": 1}])

    async def going(user: str) -> list[tuple[int, int, int, int]]:
        answer = await service.caller(tenant, user=user).do("ListStock", view=SHARED)
        return [(each.on_hand, each.available, each.in_transfer, each.incoming) for each in answer.stock]

    assert await going("rep") == [(10, 6, 4, 4), (10, 8, 2, 2)]
    assert await going("rival") == await going("hub") == [(10, 6, 4, 0), (10, 8, 2, 0)]
    await service.caller(tenant, user="rep").do("AcceptTransfer", transfer=transfer)
    assert await going("rep") == [(6, 6, 0, 0), (8, 8, 0, 0)]
    assert await sums(service.caller(tenant, user="rep"), view=MY) == {OWN: 6}


async def test_what_waits_holds_a_person(service: Pooling, caller: Caller, books: Books, tenant: str) -> None:
    """Whoever is on a side of a transfer that waits, or whose case is open, is not removed."""
    await books.record(movement(RECEIVE, item("NAIL", lot="L0", custodian="hub"), 10))
    transfer = await requested(caller, 4)
    case = (await caller.do("CreateCase", case={"kind": 1, "user": "rep"})).case.case
    await caller.do("DeletePool", pool="north")
    holding = {"rep": f"transfer {transfer}, case {case}", "hub": f"transfer {transfer}, stock item NAIL at W1, lot L0"}
    for user, used_by in holding.items():
        assert (await caller.refused("DeleteUser", user=user)).metadata == {"user": user, "used_by": used_by}
    await caller.do("CancelTransfer", transfer=transfer)
    await caller.do("CloseCase", case=case)
    await caller.do("DeleteUser", user="rep")
