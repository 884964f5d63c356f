"""What becomes of each request about persons and pools; pure. Who may ask is decided before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weir_chassis.configuration.objects import Decision
from weir_chassis.configuration.rules import check_absent, deleted, existing, written
from weir_pooling.domain.people import Pool, User, UserRole
from weir_pooling.errors import ChannelTaken, UserInUse, UserNotFound, UserPooled, UserRoleOther


def create_user(wanted: User, current: User | None, *, seller: User | None) -> Decision[User]:
    """Add a person; `seller` sells through the channel already, if anybody does."""
    check_absent(wanted, current)
    _check_channel(wanted, seller)
    return written(wanted, None)


def update_user(wanted: User, current: User | None, *, seller: User | None, pool: Pool | None) -> Decision[User]:
    """Replace all of a person but the identifier; his place in a `pool` keeps him in his role."""
    before = existing(User, wanted.key, current, etag=wanted.etag)
    _check_channel(wanted, seller)
    if pool is not None and wanted.role is not before.role:
        raise UserInUse([f"pool {pool.pool}"], user=wanted.user)
    return written(wanted, before)


def delete_user(current: User, *, users: Sequence[str]) -> Decision[User]:
    """Remove a person on whom nothing rests; `users` name what does."""
    if users:
        raise UserInUse(users, user=current.user)
    return deleted(current)


def create_pool(
    wanted: Pool, current: Pool | None, *, persons: Mapping[str, User], pools: Sequence[Pool]
) -> Decision[Pool]:
    """Add a pool; `persons` are those of its people who exist, `pools` all that any of them is in."""
    check_absent(wanted, current)
    _check_people(wanted, persons, pools)
    return written(wanted, None)


def update_pool(
    wanted: Pool, current: Pool | None, *, persons: Mapping[str, User], pools: Sequence[Pool]
) -> Decision[Pool]:
    """Replace all of a pool but the identifier; as `create_pool` otherwise."""
    before = existing(Pool, wanted.key, current, etag=wanted.etag)
    _check_people(wanted, persons, pools)
    return written(wanted, before)


def set_hub_access(current: Pool, *, on: bool) -> Decision[Pool]:
    """Turn the switch of a pool."""
    return written(replace(current, access_hub_stock=on), current)


def _check_channel(wanted: User, seller: User | None) -> None:
    if seller is not None and seller.user != wanted.user:
        raise ChannelTaken(channel=wanted.channel, user=seller.user)


def _check_people(wanted: Pool, persons: Mapping[str, User], pools: Sequence[Pool]) -> None:
    """Everybody exists, has the role of his place, and is in no other pool."""
    for name in wanted.persons:
        if name not in persons:
            raise UserNotFound(user=name)
    for name in wanted.persons:
        required = UserRole.DISTRIBUTOR if name == wanted.hub else UserRole.REP
        if persons[name].role is not required:
            raise UserRoleOther(user=name, role=persons[name].role, required=required)
    for other in pools:
        for name in wanted.persons:
            if other.pool != wanted.pool and name in other.persons:
                raise UserPooled(user=name, pool=other.pool)
