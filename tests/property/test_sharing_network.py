"""Any sequence of requests: what is accepted is what the laws allow, and followers see what is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.kit.network import write
from weir_chassis.configuration.objects import Change, Configured, Decision, Key, Named
from weir_chassis.configuration.rules import stamped
from weir_chassis.errors import Refusal
from weir_sharing import handlers
from weir_sharing.domain import (
    KINDS,
    Channel,
    ChannelGroup,
    ChannelKind,
    GroupLink,
    LocationSetting,
    Policy,
    WarehouseGroup,
    rules,
)
from weir_sharing.memory import MemoryNetworks

State = dict[tuple[type[Configured], Key], Configured]

LOCATIONS = st.sampled_from(["L1", "L2", "L3"])
WAREHOUSE_GROUPS = st.sampled_from(["W1", "W2"])
CHANNELS = st.sampled_from(["C1", "C2"])
CHANNEL_GROUPS = st.sampled_from(["G1", "C1", "C2"])
NAMES = st.sampled_from(["", "name"])
MEMBERS = st.sets(LOCATIONS).map(sorted).map(tuple)
POLICIES = st.sampled_from(Policy)


def lawful(state: State) -> bool:
    """The laws of the network, said once more, of the whole of it."""
    of: dict[type[Configured], list[Any]] = {kind: [] for kind in KINDS}
    for (kind, _), each in state.items():
        of[kind].append(each)
    fixed = {each.location for each in of[LocationSetting] if each.policy is Policy.FIXED}
    members = [location for group in of[WarehouseGroup] for location in group.locations]
    links = [(each.warehouse_group, each.channel_group) for each in of[GroupLink]]
    fed = {
        group.warehouse_group: [to for source, to in links if source == group.warehouse_group]
        for group in of[WarehouseGroup]
    }
    groups = {each.channel_group: each for each in of[ChannelGroup]}
    homes = [(each.channel, each.channel_group, each.display_name) for each in of[Channel]]
    return (
        len(members) == len(set(members))
        and not any(
            fixed & set(group.locations) and (len(group.locations) > 1 or len(fed[group.warehouse_group]) > 1)
            for group in of[WarehouseGroup]
        )
        and all(source in fed and to in groups for source, to in links)
        and all(home in groups and groups[home].own_channel in ("", channel) for channel, home, _ in homes)
        and all(
            (each.own_channel, each.channel_group, each.display_name) in homes
            and each.own_channel == each.channel_group
            for each in groups.values()
            if each.own_channel
        )
    )


class NetworkMachine(RuleBasedStateMachine):
    """A network in memory beside the plainest model there is: the objects, and the laws of the whole."""

    def __init__(self) -> None:
        """Both empty."""
        super().__init__()
        self.networks = MemoryNetworks()
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
        """Whether the network does what is asked."""
        try:
            await write(self.networks, decide, wanted)
        except Refusal:
            return False
        return True

    def put(self, *objects: Configured) -> State:
        """The state with these objects in it."""
        return {**self.state, **{(type(each), each.key): each for each in objects}}

    def has(self, kind: type[Configured], *key: str) -> bool:
        """Whether there is such an object."""
        return (kind, key) in self.state

    def without(self, *keys: tuple[type[Configured], Key]) -> State:
        """The state without these objects."""
        return {key: each for key, each in self.state.items() if key not in keys}

    @rule(location=LOCATIONS, policy=POLICIES)
    def set_location_policy(self, location: str, policy: Policy) -> None:
        """SetLocationPolicy."""
        wanted = LocationSetting(location, policy)
        self.ask(handlers.set_location_policy, wanted, self.put(wanted))

    @rule(name=WAREHOUSE_GROUPS, display_name=NAMES, locations=MEMBERS, create=st.booleans())
    def put_warehouse_group(self, name: str, display_name: str, locations: tuple[str, ...], create: bool) -> None:
        """CreateWarehouseGroup and UpdateWarehouseGroup."""
        wanted = WarehouseGroup(name, display_name, locations)
        decide = handlers.create_warehouse_group if create else handlers.update_warehouse_group
        self.ask(decide, wanted, self.put(wanted) if self.has(WarehouseGroup, name) != create else None)

    @rule(name=CHANNEL_GROUPS, display_name=NAMES, create=st.booleans())
    def put_channel_group(self, name: str, display_name: str, create: bool) -> None:
        """CreateChannelGroup and UpdateChannelGroup; a channel's own group is not changed apart from it."""
        wanted = ChannelGroup(name, display_name)
        decide = handlers.create_channel_group if create else handlers.update_channel_group
        found = self.state.get((ChannelGroup, (name,)))
        owned = isinstance(found, ChannelGroup) and found.own_channel != ""
        self.ask(decide, wanted, self.put(wanted) if (found is not None) != create and not owned else None)

    @rule(name=CHANNELS, display_name=NAMES, group=st.one_of(st.just(""), CHANNEL_GROUPS), create=st.booleans())
    def put_channel(self, name: str, display_name: str, group: str, create: bool) -> None:
        """CreateChannel and UpdateChannel; without a group, or in its own, the channel has one to itself."""
        wanted = Channel(name, ChannelKind.POS, display_name, group)
        decide = handlers.create_channel if create else handlers.update_channel
        named = self.state.get((ChannelGroup, (name,)))
        owns = isinstance(named, ChannelGroup) and named.own_channel == name
        after: State | None = None
        if self.has(Channel, name) != create:
            if group == "" or (owns and group == name):
                own = ChannelGroup(name, display_name, own_channel=name)
                after = self.put(own, replace(wanted, channel_group=name)) if owns or named is None else None
            else:
                after = self.put(wanted)
                if owns:
                    del after[ChannelGroup, (name,)]
        self.ask(decide, wanted, after)

    @rule(source=WAREHOUSE_GROUPS, to=CHANNEL_GROUPS)
    def create_group_link(self, source: str, to: str) -> None:
        """CreateGroupLink."""
        wanted = GroupLink(source, to)
        self.ask(handlers.create_group_link, wanted, None if self.has(GroupLink, source, to) else self.put(wanted))

    @rule(source=WAREHOUSE_GROUPS, to=CHANNEL_GROUPS)
    def delete_group_link(self, source: str, to: str) -> None:
        """DeleteGroupLink."""
        self.remove(handlers.delete_group_link, GroupLink, source, to)

    @rule(name=WAREHOUSE_GROUPS)
    def delete_warehouse_group(self, name: str) -> None:
        """DeleteWarehouseGroup."""
        self.remove(handlers.delete_warehouse_group, WarehouseGroup, name)

    @rule(name=CHANNEL_GROUPS)
    def delete_channel_group(self, name: str) -> None:
        """DeleteChannelGroup."""
        self.remove(handlers.delete_channel_group, ChannelGroup, name)

    @rule(name=CHANNELS)
    def delete_channel(self, name: str) -> None:
        """DeleteChannel, with the group of its own."""
        group = self.state.get((ChannelGroup, (name,)))
        owns = isinstance(group, ChannelGroup) and group.own_channel == name
        self.remove(handlers.delete_channel, Channel, name, also=[(ChannelGroup, (name,))] if owns else [])

    def remove(
        self,
        decide: Callable[[Any, Any], Awaitable[Any]],
        kind: type[Configured],
        *key: str,
        also: list[tuple[type[Configured], Key]] | None = None,
    ) -> None:
        """Ask to remove an object; what goes with it is in `also`."""
        after = self.without((kind, key), *(also or [])) if self.has(kind, *key) else None
        self.ask(decide, Named(kind, key), after)

    @invariant()
    def what_is_there_is_what_was_accepted(self) -> None:
        """The network holds the objects of the model, and the revision counts the changes."""
        assert asyncio.run(self.read()) == (self.state, len(self.states) - 1)

    async def read(self) -> tuple[State, int]:
        """Everything that is there, and its revision."""
        async with self.networks.reading("acme") as network:
            objects = [each for kind in KINDS for each in await network.select(kind)]
            return {(type(each), each.key): each for each in objects}, network.head

    def teardown(self) -> None:
        """From any state on, the changes that followed lead to every later one, also where they are applied twice."""
        commits = asyncio.run(self.networks.history("acme", after=0, limit=1000)).commits
        assert len(commits) == len(self.states) - 1
        for begin in range(len(self.states)):
            state = dict(self.states[begin])
            for number in range(begin, len(commits)):
                for change in (*commits[number].changes, *commits[number].changes):
                    key = (type(change.object), change.object.key)
                    if change.deleted:
                        state.pop(key, None)
                    else:
                        state[key] = change.object
                assert state == self.states[number + 1]


TestNetworkMachine = NetworkMachine.TestCase
TestNetworkMachine.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


# For each rule the steps that lead to where only this rule stands in the way.
STEPS: dict[str, Callable[[NetworkMachine], object]] = {
    "check_fixed": lambda machine: (
        machine.set_location_policy("L1", Policy.FIXED),
        machine.put_warehouse_group("W1", "", ("L1", "L2"), create=True),
    ),
    "_check_homes": lambda machine: (
        machine.put_warehouse_group("W1", "", ("L1",), create=True),
        machine.put_warehouse_group("W2", "", ("L1",), create=True),
    ),
    "_check_open": lambda machine: (
        machine.put_channel("C1", "", "", create=True),
        machine.put_channel("C2", "", "C1", create=True),
    ),
    "_check_unfed": lambda machine: (
        machine.put_warehouse_group("W1", "", (), create=True),
        machine.put_channel("C1", "", "", create=True),
        machine.create_group_link("W1", "C1"),
        machine.delete_channel("C1"),
    ),
}


@pytest.mark.parametrize("rule_left_out", STEPS)
def test_a_rule_left_out_is_seen(rule_left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the model agrees with the rules, and no longer does with any one of them switched off."""
    STEPS[rule_left_out](NetworkMachine())
    monkeypatch.setattr(rules, rule_left_out, lambda *args, **others: None)
    with pytest.raises(AssertionError):
        STEPS[rule_left_out](NetworkMachine())


@given(st.integers(1, 2**63 - 1), st.lists(st.booleans(), max_size=4))
def test_an_etag_is_the_revision_of_the_last_change(revision: int, deletions: list[bool]) -> None:
    """What a decision changes is stamped with its revision, what it deletes keeps its last etag, and no change none."""
    group = ChannelGroup("a", "", etag="old")
    changes = tuple(Change(group, deleted) for deleted in deletions)
    done = stamped(Decision(group, changes), revision)
    assert done.object.etag == (str(revision) if deletions else "old")
    assert [each.object.etag for each in done.changes] == ["old" if gone else str(revision) for gone in deletions]
