"""Any sequence of requests about people: what is accepted is what the laws of the whole allow, and followers see what
is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.kit.network import attempt
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.configuration.objects import Configured, Key, Named
from weir_chassis.errors import Refusal
from weir_pooling.domain import pools as rules
from weir_pooling.domain.people import KINDS, Pool, Switch, User, UserRole
from weir_pooling.handlers import people
from weir_pooling.memory import memory_pooling

State = dict[tuple[type[Configured], Key], Any]

USERS = st.sampled_from(["a", "b", "c", "d"])
POOLS = st.sampled_from(["p", "q"])
ROLES = st.sampled_from([UserRole.DISTRIBUTOR, UserRole.REP])
CHANNELS = st.sampled_from(["", "trunk"])
SERVICE = call.Call("a call", Principal("acme", "a service", Role.SERVICE))


def lawful(state: State) -> bool:
    """The laws of people, said once more, of the whole of them."""
    users: dict[str, User] = {key[0]: each for (kind, key), each in state.items() if kind is User}
    pools: list[Pool] = [each for (kind, _), each in state.items() if kind is Pool]
    channels = [each.channel for each in users.values() if each.channel]
    persons = [name for pool in pools for name in pool.persons]
    return (
        len(channels) == len(set(channels))
        and len(persons) == len(set(persons))
        and set(persons) <= users.keys()
        and all(users[pool.hub].role is UserRole.DISTRIBUTOR for pool in pools)
        and all(users[name].role is UserRole.REP for pool in pools for name in pool.members)
    )


class PeopleMachine(RuleBasedStateMachine):
    """People in memory beside the plainest model there is: the objects, and the laws of the whole."""

    def __init__(self) -> None:
        """Nobody is there."""
        super().__init__()
        self.tenants = memory_pooling()
        self.state: State = {}
        self.states: list[State] = [{}]

    def ask(self, decide: Callable[[Any, Any], Awaitable[Any]], wanted: Any, after: State | None) -> None:
        """Ask; it must be accepted just where `after`, what would be, is there and lawful, and then be it."""
        allowed = after is not None and lawful(after)
        assert asyncio.run(self.accepted(decide, wanted)) == allowed
        if after is not None and allowed:
            self.states += [after] if after != self.state else []
            self.state = after

    async def accepted(self, decide: Callable[[Any, Any], Awaitable[Any]], wanted: Any) -> bool:
        """Whether what is asked is done."""
        with call.acting(SERVICE):
            try:
                await self.tenants.once(attempt(), lambda objects: decide(objects, wanted))
            except Refusal:
                return False
        return True

    def put(self, each: Configured, *, create: bool) -> State | None:
        """The state with this object in it; None where it is there and shall be new, or the other way round."""
        key = (type(each), each.key)
        return {**self.state, key: each} if (key in self.state) != create else None

    @rule(name=USERS, role=ROLES, channel=CHANNELS, create=st.booleans())
    def put_user(self, name: str, role: UserRole, channel: str, create: bool) -> None:
        """CreateUser and UpdateUser."""
        wanted = User(name, role, "", channel)
        self.ask(people.create_user if create else people.update_user, wanted, self.put(wanted, create=create))

    @rule(name=POOLS, hub=USERS, members=st.sets(USERS), create=st.booleans())
    def put_pool(self, name: str, hub: str, members: set[str], create: bool) -> None:
        """CreatePool and UpdatePool."""
        wanted = Pool(name, hub, "", tuple(sorted(members - {hub})))
        self.ask(people.create_pool if create else people.update_pool, wanted, self.put(wanted, create=create))

    @rule(name=POOLS, on=st.booleans())
    def set_hub_access(self, name: str, on: bool) -> None:
        """SetHubAccess."""
        found: Pool | None = self.state.get((Pool, (name,)))
        after = None if found is None else self.put(replace(found, access_hub_stock=on), create=False)
        self.ask(people.set_hub_access, Switch(Named(Pool, (name,)), on), after)

    @rule(name=POOLS)
    def delete_pool(self, name: str) -> None:
        """DeletePool."""
        rest = {key: each for key, each in self.state.items() if key != (Pool, (name,))}
        self.ask(people.delete_pool, Named(Pool, (name,)), rest if len(rest) < len(self.state) else None)

    @invariant()
    def what_is_there_is_what_was_accepted(self) -> None:
        """There are the objects of the model, and the revision counts the changes."""
        assert asyncio.run(self.read()) == (self.state, len(self.states) - 1)

    async def read(self) -> tuple[State, int]:
        """Everything that is there, and its revision."""
        async with self.tenants.reading("acme") as objects:
            found = [each for kind in KINDS for each in await objects.select(kind)]
            return {(type(each), each.key): each for each in found}, objects.head

    def teardown(self) -> None:
        """The changes of each commit lead from one state to the next."""
        commits = asyncio.run(self.tenants.history("acme", after=0, limit=1000)).commits
        state: State = {}
        for commit, expected in zip(commits, self.states[1:], strict=True):
            for change in commit.changes:
                state[type(change.object), change.object.key] = change.object
                if change.deleted:
                    del state[type(change.object), change.object.key]
            assert state == expected


TestPeopleMachine = PeopleMachine.TestCase
TestPeopleMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def with_a_pool(machine: PeopleMachine) -> PeopleMachine:
    """The machine, with a pool `p` of `a` and `b`."""
    machine.put_user("a", UserRole.DISTRIBUTOR, "", create=True)
    machine.put_user("b", UserRole.REP, "trunk", create=True)
    machine.put_pool("p", "a", {"b"}, create=True)
    return machine


STEPS: dict[str, Callable[[PeopleMachine], object]] = {
    "_check_channel": lambda machine: machine.put_user("c", UserRole.REP, "trunk", create=True),
    "_check_people": lambda machine: machine.put_pool("q", "a", {"b"}, create=True),
}
"""For each rule the step at which only this rule stands in the way."""


@pytest.mark.parametrize("rule_left_out", STEPS)
def test_a_rule_left_out_is_seen(rule_left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the model agrees with the rules, and no longer does with any one of them switched off."""
    STEPS[rule_left_out](with_a_pool(PeopleMachine()))
    monkeypatch.setattr(rules, rule_left_out, lambda *args, **others: None)
    with pytest.raises(AssertionError):
        STEPS[rule_left_out](with_a_pool(PeopleMachine()))
