"""Cases: from whose custody stock is used, who is mentioned, and what is known of a mark whatever dies in between."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.kit.deeds import Fault, MemoryBooks
from tests.kit.memory_pooling import TENANT, House, nails
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.configuration.objects import Named
from weir_chassis.errors import Malformed, PeerAway, Refusal
from weir_chassis.idempotency import Attempt
from weir_ledger.errors import LocationNotFound
from weir_pooling.domain import cases as rules
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.cases import (
    Case,
    CaseKind,
    CaseState,
    Marking,
    Remark,
    Units,
    Unmarking,
    Usage,
    Usages,
    Wording,
    subject,
)
from weir_pooling.domain.deeds import Condition, Deed, Item, Portion, Work
from weir_pooling.domain.people import Actor, Pool, UserRole
from weir_pooling.domain.views import Custody
from weir_pooling.errors import HubAccessOff
from weir_pooling.handlers import cases
from weir_pooling.ports import Done

HUB, ANN = nails("hub"), nails("ann")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CASE = Case("c1", CaseKind.CASE, "ann", Actor("ann", "ann"), NOON)
_numbers = itertools.count()
LOST = pytest.mark.parametrize("fault", [Fault(arrives=False), Fault()], ids=["lost on the way", "answer lost"])


@pytest.fixture
async def house() -> House:
    """A house whose hub has 10 nails, and ann 3."""
    made = await House(MemoryBooks()).people()
    made.books.stock({HUB: 10, ANN: 3})
    return made


async def say(house: House, user: str, decide: Any, wanted: Any) -> Any:
    """What a request comes to that moves nothing."""
    attempt = Attempt(TENANT, "a call", f"opening {next(_numbers)}", b"")

    async def once() -> Any:
        return (await house.tenants.once(attempt, lambda objects: decide(objects, wanted))).object

    with call.acting(call.Call("a call", Principal(TENANT, user, Role.OPERATOR))):
        return await house.settling.alone(TENANT, once, subject=subject(getattr(wanted, "key", ("",))[0]))


async def opened(house: House, user: str = "ann") -> Case:
    """A new case of somebody's."""
    case: Case = await say(house, user, cases.create_case, Wording(CaseKind.CASE))
    return case


async def mark(house: House, case: Case, *units: int, custody: Custody = Custody.OWN, **more: str) -> Usages:
    """Ann marks nails used, the number of each line."""
    stock = ANN if custody is Custody.OWN else HUB
    lots = ("", "x")[: len(units)]
    lines = tuple(Portion(stock._replace(custodian="", lot=lot), each) for lot, each in zip(lots, units, strict=True))
    settled = await house.do(
        "ann", cases.mark_used, Marking(case.case, custody, lines), subject=subject(case.case), **more
    )
    assert isinstance(settled.answer, Usages)
    return settled.answer


async def unmark(house: House, usage: Usage, quantity: int = 0, **more: str) -> Usage:
    """Ann takes marks back."""
    wanted = Unmarking(usage.case, (Units(usage.usage, quantity),))
    settled = await house.do("ann", cases.unmark_used, wanted, subject=subject(usage.case), **more)
    assert isinstance(settled.answer, Usages)
    [after] = settled.answer.usages
    return after


def there(house: House, item: Item = ANN) -> int:
    """Units that are available."""
    return house.books.shelves[TENANT].available(item)


@LOST
async def test_a_mark_that_was_begun_is_brought_to_its_end(house: House, fault: Fault) -> None:
    """Nothing is seen of a mark before the ledger was heard of; repeated, the request is carried out once."""
    case = await opened(house)
    house.books.faults.append(fault)
    with pytest.raises(PeerAway):
        await mark(house, case, 2, request_id="one")
    assert not await house.all(Usage)
    [usage] = (await mark(house, case, 2, request_id="one")).usages
    assert await house.all(Usage) == [usage]
    assert (usage.quantity, usage.unmarked, usage.item, usage.marked_by) == (2, 0, ANN, Actor("ann", "ann"))
    assert there(house) == 1
    assert not await house.all(Deed)


@LOST
async def test_a_case_is_closed_after_what_was_begun(house: House, fault: Fault) -> None:
    """Whoever closes a case brings to its end first what is under way in it: nothing is marked in a closed case."""
    case = await opened(house)
    house.books.faults.append(fault)
    with pytest.raises(PeerAway):
        await mark(house, case, 2)
    house.books.faults.append(Fault(arrives=False))
    with pytest.raises(PeerAway):
        await say(house, "hub", cases.close_case, Named(Case, (case.case,)))
    closed = await say(house, "hub", cases.close_case, Named(Case, (case.case,)))
    assert (closed.state, closed.closed_by) == (CaseState.CLOSED, Actor("hub", "ann"))
    assert [each.quantity for each in await house.all(Usage)] == [2]
    assert there(house) == 1


@LOST
async def test_what_is_being_unmarked_is_under_way(house: House, fault: Fault) -> None:
    """While it is not known whether units are back the usage says so; the next request about the case finds it out
    first, and counts on it."""
    [usage] = (await mark(house, await opened(house), 3)).usages
    house.books.faults.append(fault)
    with pytest.raises(PeerAway):
        await unmark(house, usage, 2)
    [under_way] = await house.all(Usage)
    assert (under_way.under_way, under_way.unmarked) == (True, 0)
    with pytest.raises(Refusal, match="2 units of"):
        await unmark(house, usage, 2)
    done = await unmark(house, usage)
    assert (done.under_way, done.unmarked, done.marked) == (False, 3, 0)
    assert there(house) == 3


async def test_what_the_ledger_refuses_in_the_end_was_never_there(house: House) -> None:
    """Units that were there when asked and are gone when the ledger is: the mark is refused, and all is as before."""
    case = await opened(house)
    lost = Fault(arrives=False)
    house.books.faults.append(lost)
    with pytest.raises(PeerAway):
        await mark(house, case, 2, request_id="one")
    house.books.stock({ANN: -2})
    for _ in range(2):
        with pytest.raises(Refusal, match="Only 1"):
            await mark(house, case, 2, request_id="one")
    assert not await house.all(Usage)
    assert not await house.all(Deed)
    assert there(house) == 1


class ClosedShelf(MemoryBooks):
    """A ledger that takes nothing back."""

    async def carry_out(self, tenant: str, deed: Deed) -> Done:
        """Refuse it."""
        if deed.work is Work.RESTORE:
            raise LocationNotFound("W1")
        return await super().carry_out(tenant, deed)


async def test_a_mark_stands_where_units_cannot_be_put_back() -> None:
    """Where the ledger refuses to put units back, they stay marked, and nothing is under way."""
    house = await House(ClosedShelf()).people()
    house.books.stock({ANN: 3})
    [usage] = (await mark(house, await opened(house), 3)).usages
    with pytest.raises(LocationNotFound):
        await unmark(house, usage)
    [after] = await house.all(Usage)
    assert after == usage


async def test_lines_are_answered_in_their_order(house: House) -> None:
    """Each line is a usage of its own, in the order of the lines, and listed in that order or against it."""
    house.books.stock({ANN._replace(lot="x"): 5})
    usages = (await mark(house, await opened(house), 1, 5)).usages
    assert [(each.lot, each.quantity) for each in usages] == [("", 1), ("x", 5)]
    assert [each.usage for each in usages] == sorted(each.usage for each in usages)


# from left to right: the switch is on, it is off, the person is in no pool; for whom uses it
CUSTODIANS = """
        on    off   none
boss    hub   hub   -
hub     hub   hub   -
ann     hub   -     -
"""


@pytest.mark.parametrize("row", CUSTODIANS.strip().splitlines()[1:], ids=lambda row: row.split()[0])
def test_whose_stock_is_used(row: str) -> None:
    """OWN is the person's whose case it is; HUB is its hub's: always for the hub and administrators, for a member while
    the switch is on, for nobody where there is no hub."""
    user, *cells = row.split()
    role = {"boss": UserRole.ADMINISTRATOR, "hub": UserRole.DISTRIBUTOR}.get(user, UserRole.REP)
    for pool, cell in zip(
        (Pool("p", "hub", "", ("ann",), True), Pool("p", "hub", "", ("ann",)), None), cells, strict=True
    ):
        caller = Standing(user, role, pool)
        assert rules.custodian(CASE, Custody.OWN, pool, caller) == "ann"
        if cell == "hub":
            assert rules.custodian(CASE, Custody.HUB, pool, caller) == "hub"
            continue
        with pytest.raises(HubAccessOff) as refused:
            rules.custodian(CASE, Custody.HUB, pool, caller)
        assert refused.value.metadata == {"user": "ann", "pool": "p" if pool else ""}


def test_a_line_names_no_other_custodian() -> None:
    """The custodian is left out or the one that is meant; all that name another are told."""
    lines = [Portion(nails(each), 1) for each in ("", "hub", "ann", "bob")]
    assert {each.item.custodian for each in rules.lines_of(lines[:2], "hub")} == {"hub"}
    with pytest.raises(Malformed) as refused:
        rules.lines_of(lines, "hub")
    assert [each.field for each in refused.value.violations] == [
        "lines[2].stock_item.custodian", "lines[3].stock_item.custodian",
    ]  # fmt: skip


def test_whose_custody_it_was() -> None:
    """What a person used of its own is OWN to it, anything else is the hub's."""
    portions = (Portion(ANN, 1), Portion(HUB, 2))
    deed = rules.mark(CASE, portions, by=Actor("hub", "ann"), at=NOON, deed="d1", usages=["u1", "u2"]).object
    assert (deed.subject, deed.work, deed.things) == ("case/c1", Work.CONSUME, ("u1", "u2"))
    assert [each.custody for each in rules.marked(CASE, deed).usages] == [Custody.OWN, Custody.HUB]
    assert [each.item for each in rules.marked(CASE, deed).usages] == [ANN, HUB]
    assert all(each.item.condition is Condition.SELLABLE for each in rules.marked(CASE, deed).usages)


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("@ann", ["ann"]),
        ("see @ann, @bob: @ann!", ["ann", "bob"]),
        ("@ann's case (@bob)", ["ann", "bob"]),
        ("@ann lee and @ann leeway", ["ann", "ann lee"]),
        ("@ann.", ["ann"]),
        ("@ann.lee @ann-lee @ann@lee @annie @ann_ @ann2", []),
        ("mail@ann @@ann", ["ann"]),
        ("@ ann @Ann @ANN", []),
        ("@me @ann", ["ann"]),
        ("@a.b*c @a-b*c", ["a.b*c"]),
        ("@frau müller, @müller", ["frau müller"]),
        ("", []),
        ("@", []),
        ("@" * 4096, []),
    ],
)
def test_who_is_mentioned(text: str, mentions: list[str]) -> None:
    """Whose identifier stands after an `@`, the longest that fits, alone, each once, in order; never the author."""
    persons = ["ann", "ann lee", "bob", "me", "a.b*c", "frau müller", "ann"]
    assert list(rules.mentioned(text, persons, "me")) == mentions
    assert rules.mentioned(text, ["me"], "me") == ()


def test_the_author_is_meant_where_his_name_is_longest() -> None:
    """Who names himself has not named another whose identifier is the beginning of his own."""
    assert rules.mentioned("@ann lee", ["ann", "ann lee"], "ann lee") == ()
    assert rules.mentioned("@ann lee, @ann", ["ann", "ann lee"], "ann lee") == ("ann",)


async def test_nobody_else_is_notified(house: House) -> None:
    """Persons of the pool and administrators can be mentioned; those of other pools are only words, whoever writes."""
    case = await opened(house)
    for author, expected in (("ann", ("bob", "boss", "hub")), ("boss", ("ann", "bob", "hub"))):
        text = "@hub @hub2 @ann @bob @cid @boss @nobody"
        said = await say(house, author, cases.add_comment, Remark(case.case, text))
        assert said.mentions == expected


async def test_a_report_counts_what_is_not_taken_back(house: House) -> None:
    """Sums are of what is still marked; what was taken back entirely is in none, nor is its case."""
    first, second = await opened(house), await opened(house)
    [usage] = (await mark(house, first, 3, custody=Custody.HUB)).usages
    await mark(house, second, 2, custody=Custody.HUB)

    async def sums() -> list[tuple[str, int, int]]:
        async with house.tenants.reading(TENANT) as objects:
            found = await objects.used(rules.Period(datetime.min.replace(tzinfo=UTC)), None, after=(), limit=9)
        return [(each.custodian, each.quantity, each.cases) for each in found]

    assert await sums() == [("hub", 5, 2)]
    await unmark(house, usage, 1)
    assert await sums() == [("hub", 4, 2)]
    await unmark(house, usage)
    assert await sums() == [("hub", 2, 1)]
