"""Cases: one function for each request about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from weir_chassis.configuration.objects import Change, Configured, Decision, Key, Named, Where
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.rules import check_etag, existing
from weir_chassis.ids import new_id
from weir_pooling.domain import cases
from weir_pooling.domain.alerts import Notification
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.cases import (
    Case,
    Comment,
    Marking,
    Period,
    Remark,
    Unmarking,
    Usage,
    Usages,
    UsageSum,
    Wording,
)
from weir_pooling.domain.deeds import Deed
from weir_pooling.domain.people import User, UserRole
from weir_pooling.errors import UnderWay
from weir_pooling.handlers.settling import Conclude
from weir_pooling.handlers.standing import caller, pool_of, standing
from weir_pooling.ports import Done, Pooling


async def create_case(objects: Objects, wanted: Wording) -> Decision[Case]:
    """Open a case, the caller's own where no other person is named."""
    who = await standing(objects, caller())
    by = who.actor(wanted.user or who.user, "CreateCase")
    user = existing(User, (by.acting_for,), await objects.get(User, (by.acting_for,)))
    opened = Case(
        new_id(),
        wanted.kind,
        user.user,
        by,
        datetime.now(UTC),
        display_name=wanted.display_name,
        facility=wanted.facility,
        reference=wanted.reference,
    )
    return Decision(opened, (Change(opened),))


async def update_case(objects: Objects, wanted: Wording) -> Decision[Case]:
    """Replace what is said of a case."""
    current, _ = await _seen(objects, wanted.case)
    return cases.update(wanted, current)


async def close_case(objects: Objects, named: Named[Case]) -> Decision[Case]:
    """Close a case; raises UnderWay while units are being marked in it."""
    current, who = await _seen(objects, *named.key)
    check_etag(current, named.etag)
    if await objects.select(Deed, {"subject": cases.subject(current.case)}, limit=1):
        raise UnderWay(subject=cases.subject(current.case))
    return cases.close(current, who.actor(current.user, "CloseCase"), datetime.now(UTC))


async def reopen_case(objects: Objects, named: Named[Case]) -> Decision[Case]:
    """Open a case again."""
    current, _ = await _seen(objects, *named.key)
    check_etag(current, named.etag)
    return cases.reopen(current)


async def mark_used(objects: Objects, wanted: Marking) -> Decision[Deed]:
    """Mark stock used."""
    case, who = await _seen(objects, wanted.case)
    custodian = cases.custodian(case, wanted.custody, await pool_of(objects, case.user), who)
    return cases.mark(
        case,
        cases.lines_of(wanted.lines, custodian),
        by=who.actor(case.user, cases.MARK),
        at=datetime.now(UTC),
        deed=new_id(),
        usages=sorted(new_id() for _ in wanted.lines),
    )


async def unmark_used(objects: Objects, wanted: Unmarking) -> Decision[Deed]:
    """Take marks back."""
    case, who = await _seen(objects, wanted.case)
    return cases.unmark(
        case,
        wanted.units,
        await _usages(objects, case.case, [each.usage for each in wanted.units]),
        by=who.actor(case.user, cases.UNMARK),
        at=datetime.now(UTC),
        deed=new_id(),
    )


async def marked(objects: Objects, deed: Deed) -> Usages:
    """What a deed of MarkUsed comes to."""
    case = (cases.case_of(deed),)
    return cases.marked(existing(Case, case, await objects.get(Case, case)), deed)


async def unmarked(objects: Objects, deed: Deed, *, done: bool = True) -> Usages:
    """What a deed of UnmarkUsed comes to."""
    found = await _usages(objects, cases.case_of(deed), deed.things)
    return cases.unmarked(deed, found, done=done)


async def conclude_marking(objects: Objects, deed: Deed, done: Done | None) -> Decision[Configured]:
    """Write down what is used up, if it is."""
    usages = await marked(objects, deed)
    return Decision(usages, tuple(map(Change, usages.usages)) if done is not None else ())


async def conclude_unmarking(objects: Objects, deed: Deed, done: Done | None) -> Decision[Configured]:
    """Write down what is back, if it is."""
    usages = await unmarked(objects, deed, done=done is not None)
    return Decision(usages, tuple(map(Change, usages.usages)))


CONCLUSIONS: Mapping[str, Conclude[Objects]] = {
    cases.MARK: conclude_marking,
    cases.UNMARK: conclude_unmarking,
}
"""How deeds of cases are concluded, by their action."""


async def add_comment(objects: Objects, wanted: Remark) -> Decision[Comment]:
    """Say something on a case, and notify who is mentioned."""
    case, who = await _seen(objects, wanted.case)
    pool = await pool_of(objects, case.user)
    administrators = await objects.select(User, {"role": UserRole.ADMINISTRATOR})
    persons = [case.user, *(pool.persons if pool is not None else ()), *(each.user for each in administrators)]
    comment = Comment(
        case.case,
        new_id(),
        case.user,
        wanted.text,
        who.user,
        datetime.now(UTC),
        cases.mentioned(wanted.text, persons, who.user),
    )
    notified = [
        Notification(
            notification=new_id(),
            user=each,
            case=case.case,
            comment=comment.comment,
            author=comment.author,
            text=comment.text,
            create_time=comment.create_time,
        )
        for each in comment.mentions
    ]
    return Decision(comment, (Change(comment), *map(Change, notified)))


async def case(objects: Objects, who: Standing, key: Key) -> Case:
    """A case that the caller may see; raises CaseNotFound."""
    return cases.seen(key[0], await objects.get(Case, key), who)


def seen(who: Standing, where: Where) -> Where:
    """What is asked for, of cases that the caller may see."""
    if who.entitled is None:
        return where
    asked = where.get("user")
    return {**where, "user": who.entitled & {str(asked)} if asked else who.entitled}


async def report(objects: Pooling, period: Period, *, after: Key, limit: int) -> list[UsageSum]:
    """Sums of what was used, in cases of those for whom the caller may act or from their custody."""
    who = await standing(objects, caller())
    return await objects.used(period, who.entitled, after=after, limit=limit)


async def _seen(objects: Objects, name: str) -> tuple[Case, Standing]:
    """A case that the caller sees, and his standing; raises CaseNotFound, AuthorityInsufficient."""
    who = await standing(objects, caller())
    return await case(objects, who, (name,)), who


async def _usages(objects: Objects, name: str, usages: Sequence[str]) -> dict[str, Usage]:
    """Those of the usages that are in the case."""
    found = await objects.select(Usage, {"case": name, "usage": frozenset(usages)})
    return {each.usage: each for each in found}
