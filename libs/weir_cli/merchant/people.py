"""Judge the persons and pools of a folder: who is who, and nobody in two places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weir_cli.merchant.judging import channels_named, missing, twice, unknown
from weir_cli.merchant.values import CHANNELS, POOLS, STOCK, USERS, Fault, Known, Merchant, Row
from weir_cli.sheets import UNREADABLE

ROLE_OF = {"hub": "DISTRIBUTOR", "member": "REP"}
"""The role that a place in a pool needs."""


def faults(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """Everything that does not fit together."""
    yield from twice(USERS, merchant.rows(USERS), lambda row: row["user"], "user")
    yield from twice(POOLS, merchant.rows(POOLS), lambda row: row["pool"], "pool")
    yield from _channels(merchant, known)
    yield from _pools(merchant, known)
    yield from _standing(merchant, known)
    yield from _circles(merchant, known)


def notes(merchant: Merchant) -> list[str]:
    """What is allowed and does not do what it seems to."""
    if not merchant.tells(USERS):
        return []
    persons = {"", *(row["user"] for row in merchant.rows(USERS))}
    nobody = dict.fromkeys(each.custodian for each in merchant.stock or () if each.custodian not in persons)
    return [f"{STOCK}: {', '.join(nobody)}: custodians that {USERS} does not have."] if nobody else []


def _channels(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """A person sells through a channel of kind REP that no other person sells through."""
    rows = merchant.rows(USERS)
    ours = {row["user"] for row in rows}
    kinds = {shop.channel: shop.kind for shop in merchant.channels or ()}
    first: dict[str, Row] = {}
    for row in rows:
        channel = row["channel"]
        if channel in ("", UNREADABLE):
            continue
        if missing(channel, channels_named(merchant, known)):
            yield Fault(USERS, row.line, unknown("channel", channel, merchant.channels, CHANNELS))
        elif kinds.get(channel, "REP") not in ("REP", UNREADABLE):
            yield Fault(USERS, row.line, f"channel: {channel} is of kind {kinds[channel]}; a person's is of kind REP.")
        other, seller = first.setdefault(channel, row), known.sellers.get(channel, row["user"])
        if other is not row:
            yield Fault(USERS, row.line, f"channel {channel} is that of {other['user']} (line {other.line}).")
        elif seller != row["user"] and seller not in ours:
            yield Fault(USERS, row.line, f"channel {channel} is that of {seller}, who keeps it.")


def _pools(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """Who is in a pool exists, has the role for it, and is in no other place."""
    rows = merchant.rows(POOLS)
    roles = _roles(merchant, known)
    ours = {row["pool"] for row in rows}
    kept = {
        person: pool for pool, (hub, members) in known.pools.items() if pool not in ours for person in (hub, *members)
    }
    first: dict[str, Row] = {}
    for row in rows:
        for place, person in (("hub", row["hub"]), *(("member", name) for name in row.names("members"))):
            if person == UNREADABLE:
                continue
            if person not in roles:
                yield Fault(POOLS, row.line, f"unknown user {person}: neither {USERS} nor the suite has it.")
            elif roles[person] not in (ROLE_OF[place], UNREADABLE):
                yield Fault(POOLS, row.line, f"{person} is {roles[person]}; a {place} is {ROLE_OF[place]}.")
            if person in first and (first[person] is row or first[person]["pool"] != row["pool"]):
                where = f"pool {first[person]['pool']} (line {first[person].line})"
                yield Fault(POOLS, row.line, f"{person} is in {where} already; a person is in one place at most.")
            elif person in kept:
                yield Fault(
                    POOLS, row.line, f"{person} is in pool {kept[person]} of the suite, which keeps its persons."
                )
            first.setdefault(person, row)


def _standing(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """Whoever stays in a pool that only the suite has keeps the role for it."""
    ours = {row["pool"] for row in merchant.rows(POOLS)}
    places = {
        person: (place, pool)
        for pool, (hub, members) in known.pools.items()
        if pool not in ours
        for place, person in (("hub", hub), *(("member", name) for name in members))
    }
    for row in merchant.rows(USERS):
        place, pool = places.get(row["user"], ("", ""))
        if place and row["role"] not in (ROLE_OF[place], UNREADABLE):
            yield Fault(USERS, row.line, f"role: {row['user']} is {place} of pool {pool}, so {ROLE_OF[place]}.")


def _circles(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """Hubs that would change places: none of them can go first, as a pool is never without one."""
    rows = {row["pool"]: row for row in reversed(merchant.rows(POOLS))}
    hubs = {hub: pool for pool, (hub, _) in known.pools.items() if pool in rows}
    moves = {pool: hubs[row["hub"]] for pool, row in rows.items() if hubs.get(row["hub"], pool) != pool}
    for pool, row in rows.items():
        circle, following = [pool], moves.get(pool)
        while following is not None and following not in circle:
            circle.append(following)
            following = moves.get(following)
        if following == pool == min(circle):
            told = f"the hubs of {', '.join(circle)} change places; give one of these pools another hub first."
            yield Fault(POOLS, row.line, told)


def _roles(merchant: Merchant, known: Known) -> Mapping[str, str]:
    """Everybody's role, as it shall be."""
    return {**known.roles, **{row["user"]: row["role"] for row in merchant.rows(USERS)}}
