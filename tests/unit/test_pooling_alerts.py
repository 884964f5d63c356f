"""When alerts open and close, who may want how much, and what was read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.objects import Change, Configured, Decision, Named
from weir_chassis.errors import EtagStale, Refusal
from weir_chassis.idempotency import Attempt
from weir_chassis.ids import new_id
from weir_chassis.revisions import Origin
from weir_pooling.domain import alerts as rules
from weir_pooling.domain.alerts import Alert, AlertState, Notification, ParLevel, Point, Reading, Tally
from weir_pooling.domain.people import KINDS, Pool, User, UserRole
from weir_pooling.errors import NotificationNotFound
from weir_pooling.handlers import alerts
from weir_pooling.memory import MemoryPooling, memory_pooling

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEVEL = ParLevel("rep", "", "", "NAIL", 5)
SHELF = ParLevel("hub", "clinic", "", "NAIL", 2)


def at(number: int, *, epoch: int = 1) -> Point:
    """A revision of the ledger."""
    return Point("books", epoch, number)


def tally(number: int, custodian: str = "rep", *, epoch: int = 1, **units: int) -> Tally:
    """Units of nails by location, counted at a revision."""
    available = {("NAIL", location): count for location, count in units.items()}
    return Tally(custodian, "", ("NAIL",), available, at(number, epoch=epoch))


def judged(newest: Alert | None, counted: Tally, level: ParLevel = LEVEL) -> Alert | None:
    """What becomes of an alert."""
    return rules.judged(level, newest, counted, at=T0, alert="a1")


OPENED = Alert("a0", "rep", "", "", "NAIL", 5, 3, T0 - timedelta(hours=1), at(10))
ENDED = replace(OPENED, state=AlertState.CLOSED, close_time=T0)


def test_an_alert_opens_strictly_below_the_par_level() -> None:
    """4 of 5 open one, which tells both numbers and the revision they were counted at; 5 of 5 are enough."""
    assert judged(None, tally(7, W1=4)) == Alert("a1", "rep", "", "", "NAIL", 5, 4, T0, at(7))
    assert judged(None, tally(7, W1=5)) is None
    assert judged(None, tally(7)) == Alert("a1", "rep", "", "", "NAIL", 5, 0, T0, at(7))


def test_units_count_where_they_are_wanted() -> None:
    """Without a location all places count together; with one only what lies there."""
    assert judged(None, tally(7, W1=3, car=2)) is None
    there = judged(None, tally(7, "hub", W1=9, clinic=1), SHELF)
    assert there is not None
    assert (there.location, there.available) == ("clinic", 1)


def test_an_open_alert_stays_one() -> None:
    """Further down it stays as it was, met again it closes, and a later need opens another."""
    assert judged(OPENED, tally(11, W1=1)) is None
    closed = judged(OPENED, tally(12, W1=5))
    assert closed == replace(OPENED, state=AlertState.CLOSED, close_time=T0, books=at(12))
    again = judged(closed, tally(13, W1=0))
    assert again is not None
    assert (again.alert, again.state) == ("a1", AlertState.OPEN)


def test_what_was_counted_before_changes_nothing() -> None:
    """An alert is changed by no count older than the one it rests on; by one as old it is, because par levels change,
    too, and by one of other books."""
    assert judged(OPENED, tally(9, W1=9)) is None
    assert judged(ENDED, tally(9, W1=0)) is None
    assert judged(OPENED, tally(10, W1=3), replace(LEVEL, par=3)) is not None
    assert judged(ENDED, tally(10, W1=0)) is not None
    assert judged(OPENED, tally(1, epoch=2, W1=9)) is not None


def test_an_open_alert_tells_what_is_wanted_now() -> None:
    """Where more is wanted than when it opened, it says so and stays the same alert."""
    assert judged(OPENED, tally(11, W1=3), replace(LEVEL, par=8)) == replace(OPENED, par=8, books=at(11))


class House:
    """Persons, a pool, and what is kept of alerts; requests come from whoever is named."""

    def __init__(self) -> None:
        """Empty."""
        self.handlers: Handlers[MemoryPooling] = Handlers(memory_pooling(), Origin("pooling", "here", 1), KINDS)

    async def put(self, *objects: Configured) -> None:
        """Write objects down as they are."""

        async def all_of_them(_: Any, wanted: Any) -> Decision[Any]:
            return Decision(objects[0], tuple(map(Change, objects)))

        await self.handlers.write(Attempt("acme", "put", new_id(), b""), all_of_them, None)

    async def do(self, user: str, decide: Callable[[Any, Any], Awaitable[Decision[Any]]], wanted: Any) -> Any:
        """What a person's request comes to."""
        with calling(user):
            answer, _ = await self.handlers.write(Attempt("acme", "do", new_id(), b""), decide, wanted)
        return answer

    async def refused(self, user: str, decide: Callable[[Any, Any], Awaitable[Decision[Any]]], wanted: Any) -> str:
        """The reason for which it is refused."""
        with pytest.raises(Refusal) as refused:
            await self.do(user, decide, wanted)
        return refused.value.reason

    async def all(self, kind: type[Any]) -> list[Any]:
        """All objects of a kind."""
        async with self.handlers.reading("acme", {}) as (objects, _):
            return await objects.select(kind)


@contextmanager
def calling(user: str) -> Iterator[None]:
    """Within the block a person calls; `root` is an administrator by his token."""
    role = Role.ADMINISTRATOR if user == "root" else Role.OPERATOR
    with call.acting(call.Call("/test", Principal("acme", user, role))):
        yield


@pytest.fixture
async def house() -> House:
    """A house with a pool of two reps, and a rep in none."""
    made = House()
    reps = [User(each, UserRole.REP) for each in ("rep", "rival", "lone")]
    await made.put(User("hub", UserRole.DISTRIBUTOR), *reps, User("boss", UserRole.ADMINISTRATOR))
    await made.put(Pool("north", "hub", "", ("rep", "rival"), True))
    return made


set_par_level = partial(alerts.set_par_level, most=2)


@pytest.mark.parametrize(
    ("user", "outcomes"),
    [
        ("boss", {"hub": "", "rep": "", "lone": "", "nobody": "USER_NOT_FOUND"}),
        ("root", {"hub": "", "rep": "", "lone": "", "nobody": "USER_NOT_FOUND"}),
        ("hub", {"hub": "", "rep": "", "lone": "USER_NOT_FOUND", "nobody": "USER_NOT_FOUND"}),
        ("rep", {"hub": "AUTHORITY_INSUFFICIENT", "rep": "", "rival": "AUTHORITY_INSUFFICIENT"}),
        ("lone", {"hub": "USER_NOT_FOUND", "rep": "USER_NOT_FOUND", "lone": ""}),
        ("stranger", {"stranger": "AUTHORITY_INSUFFICIENT", "rep": "AUTHORITY_INSUFFICIENT"}),
    ],
)
async def test_who_may_want_how_much(house: House, user: str, outcomes: dict[str, str]) -> None:
    """An administrator of everybody, the hub of itself and its members, others of themselves; of whom the caller may
    not name he does not learn whether there is one."""
    for custodian, outcome in outcomes.items():
        wanted = replace(LEVEL, custodian=custodian)
        if outcome:
            assert await house.refused(user, set_par_level, wanted) == outcome
        else:
            assert await house.do(user, set_par_level, wanted) == wanted


async def test_setting_what_is_set_changes_nothing(house: House) -> None:
    """The second time nothing is written; an etag names the version that is meant."""
    first = await house.do("rep", set_par_level, LEVEL)
    assert (await house.do("rep", set_par_level, LEVEL)).etag == first.etag
    after = await house.do("rep", set_par_level, replace(LEVEL, par=6, etag=first.etag))
    assert (after.par, after.etag != first.etag) == (6, True)
    with pytest.raises(EtagStale):
        await house.do("rep", set_par_level, replace(LEVEL, par=7, etag=first.etag))


async def test_a_person_has_so_many_par_levels(house: House) -> None:
    """The third of two is refused, changing one of them is not, and another person has as many."""
    for sku in ("A", "B"):
        await house.do("rep", set_par_level, replace(LEVEL, sku=sku))
    assert await house.refused("rep", set_par_level, LEVEL) == "PAR_LEVELS_EXHAUSTED"
    await house.do("rep", set_par_level, replace(LEVEL, sku="B", par=9))
    await house.do("rival", set_par_level, replace(LEVEL, custodian="rival"))


async def test_an_alert_closes_with_its_par_level(house: House) -> None:
    """Wanting it no more closes the alert in the same commit; whoever may not see it is told that there is none."""
    await house.do("rep", set_par_level, LEVEL)
    await house.do("root", alerts.judge, tally(3, W1=1))
    named = Named(ParLevel, LEVEL.key)
    for user in ("rival", "lone"):
        assert await house.refused(user, alerts.delete_par_level, named) == "PAR_LEVEL_NOT_FOUND"
    await house.do("hub", alerts.delete_par_level, named)
    (alert,) = await house.all(Alert)
    assert (alert.state, alert.close_time is not None, await house.all(ParLevel)) == (AlertState.CLOSED, True, [])
    assert await house.refused("hub", alerts.delete_par_level, named) == "PAR_LEVEL_NOT_FOUND"


async def test_a_tally_opens_each_alert_once(house: House) -> None:
    """Counted again, also by somebody else, nothing is written; counted late, nothing is written either."""
    await house.put(LEVEL, replace(LEVEL, location="W1"), SHELF)
    made = await house.do("root", alerts.judge, tally(10, W1=4, car=0))
    assert sorted(each.location for each in made.alerts) == ["", "W1"]
    assert {each.etag for each in made.alerts} == {"4"}
    for late in (tally(10, W1=4), tally(11, W1=3), tally(9, W1=9)):
        assert (await house.do("root", alerts.judge, late)).alerts == ()
    (met,) = (await house.do("root", alerts.judge, tally(12, W1=1, car=4))).alerts
    assert (met.location, met.state) == ("", AlertState.CLOSED)
    assert (await house.do("root", alerts.judge, tally(11, W1=0))).alerts == ()
    assert len(await house.all(Alert)) == 2


def told(name: str, user: str = "rep") -> Notification:
    """A notification of somebody."""
    return Notification(name, user, "case", "comment", "hub", "see @rep", T0)


async def test_what_was_read_stays_as_it_is(house: House) -> None:
    """All are answered in the order asked, with the moment they were read first; what was read is not written again."""
    await house.put(told("n1"), told("n2"), told("n3", "rival"))
    first = await house.do("rep", alerts.mark_notifications_read, Reading("", ("n2",)))
    (once,) = first.notifications
    again = await house.do("rep", alerts.mark_notifications_read, Reading("rep", ("n2", "n1")))
    assert again.notifications[0] == once
    assert [each.etag for each in again.notifications] == [once.etag, str(int(once.etag) + 1)]
    assert all(each.read_time is not None for each in again.notifications)
    last = await house.do("boss", alerts.mark_notifications_read, Reading("rep", ("n1",)))
    assert last.notifications == again.notifications[1:]


async def test_notifications_are_a_persons_own(house: House) -> None:
    """Not even the hub reads a member's; one of somebody else is none, and then none of the request is read."""
    await house.put(told("n1"), told("n3", "rival"))
    asked = alerts.mark_notifications_read
    assert await house.refused("hub", asked, Reading("rep", ("n1",))) == "USER_NOT_FOUND"
    assert await house.refused("boss", asked, Reading("nobody", ("n1",))) == "USER_NOT_FOUND"
    assert await house.refused("rep", asked, Reading("", ("n1", "n3"))) == NotificationNotFound.reason
    assert [each.read_time for each in await house.all(Notification)] == [None, None]
