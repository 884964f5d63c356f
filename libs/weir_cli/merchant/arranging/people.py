"""Steps that arrange persons and pools: who goes leaves before he enters elsewhere, and has the role before the
place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.protobuf.message import Message

from weir.pooling.v1 import pool_pb2, pooling_service_pb2
from weir_cli.merchant.configured import plain, pools, users
from weir_cli.merchant.state import State, Step
from weir_cli.merchant.values import Merchant

DISTRIBUTOR, REP = pool_pb2.USER_ROLE_DISTRIBUTOR, pool_pb2.USER_ROLE_REP


def people_steps(merchant: Merchant, state: State) -> Iterator[Step]:
    """Members leave, channels are given up, then persons, hubs, persons who were hubs, and pools as they shall be."""
    wanted_users, wanted_pools = users(merchant), pools(merchant)
    people = _People(state)
    yield from _left(people, wanted_users, wanted_pools)
    sellers = {each.channel: name for name, each in wanted_users.items() if each.channel}
    for name, found in state.users.items():
        if sellers.get(found.channel, name) != name:
            yield from people.user(pool_pb2.User(user=name, role=found.role, display_name=found.display_name))
    hubs = {found.hub for found in state.pools.values()}
    late = [name for name in wanted_users if name in hubs and wanted_users[name].role != DISTRIBUTOR]
    for name, user in wanted_users.items():
        if name not in late:
            yield from people.user(user)
    yield from _hubs(people, wanted_pools)
    for name in late:
        yield from people.user(wanted_users[name])
    for pool in wanted_pools.values():
        yield from people.pool(pool)


class _People:
    """Persons and pools as they are after the steps so far."""

    def __init__(self, state: State) -> None:
        self.users = dict(state.users)
        self.pools = dict(state.pools)

    def user(self, wanted: pool_pb2.User) -> Iterator[Step]:
        """A person as he shall be."""
        found = self.users.get(wanted.user)
        self.users[wanted.user] = wanted
        if found is None:
            request: Message = pooling_service_pb2.CreateUserRequest(user=wanted)
            yield Step("pooling", "users", "created", wanted.user, "CreateUser", request)
        elif plain(found) != wanted:
            asked = pooling_service_pb2.UpdateUserRequest(user=wanted)
            asked.user.etag = found.etag
            yield Step("pooling", "users", "updated", wanted.user, "UpdateUser", asked)

    def pool(self, wanted: pool_pb2.Pool) -> Iterator[Step]:
        """A pool as it shall be."""
        found = self.pools.get(wanted.pool)
        self.pools[wanted.pool] = wanted
        if found is None:
            request: Message = pooling_service_pb2.CreatePoolRequest(pool=wanted)
            yield Step("pooling", "pools", "created", wanted.pool, "CreatePool", request)
        elif plain(found) != wanted:
            asked = pooling_service_pb2.UpdatePoolRequest(pool=wanted)
            asked.pool.etag = found.etag
            yield Step("pooling", "pools", "updated", wanted.pool, "UpdatePool", asked)


def _left(
    people: _People, wanted_users: Mapping[str, pool_pb2.User], wanted_pools: Mapping[str, pool_pb2.Pool]
) -> Iterator[Step]:
    """Pools with the members alone who stay in them, in the role they have."""
    for name, wanted in wanted_pools.items():
        if name in people.pools:
            staying = plain(people.pools[name])
            staying.members[:] = [
                each
                for each in staying.members
                if each in wanted.members and (each not in wanted_users or wanted_users[each].role == REP)
            ]
            yield from people.pool(staying)


def _hubs(people: _People, wanted_pools: Mapping[str, pool_pb2.Pool]) -> Iterator[Step]:
    """Pools that stand, with their new hubs: each once nobody else has its new hub, as far as that comes."""
    waiting = [name for name in wanted_pools if name in people.pools]
    while waiting:
        hubs = {each.hub: name for name, each in people.pools.items()}
        name = next((name for name in waiting if hubs.get(wanted_pools[name].hub, name) == name), waiting[0])
        waiting.remove(name)
        made = plain(people.pools[name])
        made.hub = wanted_pools[name].hub
        yield from people.pool(made)
