"""Par levels, alerts and notifications: one function for each request about them."""

from __future__ import annotations

from datetime import UTC, datetime

from weir_chassis.configuration.handlers import found
from weir_chassis.configuration.objects import Change, Decision, Key, Named, Where
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.rules import existing
from weir_chassis.ids import new_id
from weir_pooling.domain import alerts as rules
from weir_pooling.domain.alerts import Alert, Alerts, AlertState, Notification, Notifications, ParLevel, Reading, Tally
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.people import User
from weir_pooling.errors import ParLevelNotFound
from weir_pooling.handlers.standing import caller, standing


async def set_par_level(objects: Objects, wanted: ParLevel, *, most: int) -> Decision[ParLevel]:
    """Say how much of a product shall be there, of a person who may have so many par levels."""
    who = await standing(objects, caller())
    who.actor(wanted.custodian, "SetParLevel")
    existing(User, (wanted.custodian,), await objects.get(User, (wanted.custodian,)))
    current = await objects.get(ParLevel, wanted.key)
    others = 0 if current else await objects.count(ParLevel, {"custodian": wanted.custodian})
    return rules.set_par_level(wanted, current, others, most=most)


async def delete_par_level(objects: Objects, named: Named[ParLevel]) -> Decision[ParLevel]:
    """Want a par level no more; raises ParLevelNotFound where the caller may not see it either."""
    who = await standing(objects, caller())
    if not who.acts_for(named.key[0]):
        raise ParLevelNotFound(**_of(named.key))
    current = await found(objects, named)
    opened = await objects.select(Alert, {**_of(named.key), "state": AlertState.OPEN})
    return rules.delete_par_level(current, opened, datetime.now(UTC))


async def judge(objects: Objects, tally: Tally) -> Decision[Alerts]:
    """Open and close alerts by a tally."""
    where: Where = {"custodian": tally.custodian, "owner": tally.owner, "sku": frozenset(tally.skus)}
    levels = await objects.select(ParLevel, where)
    opened: dict[Key, Alert] = {
        each.level: each for each in await objects.select(Alert, {**where, "state": AlertState.OPEN})
    }
    at = datetime.now(UTC)
    changed = []
    for level in levels:
        newest = opened.get(level.key)
        if newest is None and tally.of(level) < level.par:
            before = await objects.select(Alert, _of(level.key), limit=1, descending=True)
            newest = before[0] if before else None
        alert = rules.judged(level, newest, tally, at=at, alert=new_id())
        if alert is not None:
            changed.append(alert)
    return Decision(Alerts(tuple(changed)), tuple(map(Change, changed)))


async def reader(objects: Objects, who: Standing, key: Key) -> str:
    """Whose notifications are meant: the caller's where nobody is named; raises UserNotFound."""
    if key in (("",), (who.user,)):
        return who.user
    return existing(User, key, await objects.get(User, key) if who.administrator else None).user


async def mark_notifications_read(objects: Objects, wanted: Reading) -> Decision[Notifications]:
    """Note that a person has read notifications."""
    user = await reader(objects, await standing(objects, caller()), (wanted.user,))
    where: Where = {"user": user, "notification": frozenset(wanted.notifications)}
    theirs = {each.notification: each for each in await objects.select(Notification, where)}
    return rules.read(wanted.notifications, theirs, datetime.now(UTC))


def _of(level: Key) -> dict[str, str]:
    """What a par level and its alerts have."""
    return dict(zip(ParLevel.identity, level, strict=True))
