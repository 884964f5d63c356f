"""What becomes of each request about connections, their secrets and schedules, and the master switch; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weir_chassis.configuration.objects import Change, Configured, Decision
from weir_chassis.configuration.rules import check_absent, check_etag, existing, written
from weir_chassis.errors import Violation
from weir_sync.domain.connections import Connection, MasterSwitch, Schedule, Secret
from weir_sync.errors import (
    ChannelConnected,
    ConnectionOfRole,
    ConnectionsExhausted,
    SchedulesExhausted,
    SettingsInvalid,
)

SCHEDULES_MAX = 20
"""Schedules that a connection may have."""


def create_connection(
    wanted: Connection,
    current: Connection | None,
    *,
    faults: Sequence[Violation],
    teller: Connection | None,
    count: int,
    most: int,
) -> Decision[Connection]:
    """Add a connection where there are `count` of at most `most`; `faults` are those of its settings, `teller` is the
    connection of its channel, if there is one.
    """
    check_absent(wanted, current)
    _check(wanted, faults, teller)
    if count >= most:
        raise ConnectionsExhausted(limit=most)
    return written(wanted, None)


def update_connection(
    wanted: Connection, current: Connection | None, *, faults: Sequence[Violation], teller: Connection | None
) -> Decision[Connection]:
    """Replace all of a connection but what never changes, and its secrets."""
    before = existing(Connection, wanted.key, current, etag=wanted.etag)
    if wanted.role is not before.role:
        raise ConnectionOfRole(connection=before.connection, role=before.role, required=wanted.role)
    if wanted.kind is not before.kind:
        faults = [Violation("connection.kind", f"It never changes, and is {before.kind}.")]
    _check(wanted, faults, teller)
    return written(replace(wanted, secret_names=before.secret_names), before)


def delete_connection(current: Connection, *, resting: Sequence[Configured]) -> Decision[Connection]:
    """Remove a connection, and before it all that goes with it."""
    return Decision(current, tuple(Change(each, deleted=True) for each in (*resting, current)))


def set_secret(current: Connection, secret: Secret) -> Decision[Connection]:
    """Keep a secret. The connection is another version with it, whatever it was before: who talks to the other end
    learns of it so.
    """
    after = replace(current, secret_names=tuple(sorted({*current.secret_names, secret.name})))
    return Decision(after, (Change(after), Change(secret)))


def remove_secret(current: Connection, secret: Secret | None) -> Decision[Connection]:
    """Forget a secret, if there is one."""
    if secret is None:
        return Decision(current)
    after = replace(current, secret_names=tuple(each for each in current.secret_names if each != secret.name))
    return Decision(after, (Change(after), Change(secret, deleted=True)))


def set_schedule(wanted: Schedule, current: Schedule | None, *, count: int) -> Decision[Schedule]:
    """Add or replace a schedule of a connection that has `count`."""
    check_etag(current, wanted.etag)
    if current is None and count >= SCHEDULES_MAX:
        raise SchedulesExhausted(connection=wanted.connection, limit=SCHEDULES_MAX)
    return written(wanted, current)


def set_master_switch(wanted: MasterSwitch, current: MasterSwitch | None) -> Decision[MasterSwitch]:
    """Let anything flow at all, or nothing."""
    return written(wanted, current or MasterSwitch())


def _check(wanted: Connection, faults: Sequence[Violation], teller: Connection | None) -> None:
    if faults:
        raise SettingsInvalid(faults, connection=wanted.connection, connector=wanted.kind)
    if teller is not None and teller.connection != wanted.connection:
        raise ChannelConnected(channel=wanted.channel, connection=teller.connection)
