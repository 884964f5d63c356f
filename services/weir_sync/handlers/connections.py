"""Connections, their secrets and schedules, and the master switch: one function for each request about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from weir_chassis.configuration.handlers import found
from weir_chassis.configuration.objects import Configured, Decision, Named
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.configuration.rules import deleted, existing
from weir_chassis.errors import Violation
from weir_sync.connectors.making import Making
from weir_sync.connectors.port import Denied
from weir_sync.connectors.settings import Fault
from weir_sync.domain import connecting as rules
from weir_sync.domain.connections import Connection, LateFeed, MasterSwitch, Schedule, Secret
from weir_sync.errors import SecretKeyMissing, SettingsInvalid
from weir_sync.secrets import Keys, NotOpened, Place, Sealed


class SecretWish(NamedTuple):
    """What a secret shall be, of no characters: none any more; and the keys to keep it with, if there are any."""

    place: Place
    value: str
    keys: Keys | None

    @property
    def connection(self) -> tuple[str]:
        """Identifier of the connection that it is of."""
        return (self.place.connection,)


@dataclass(frozen=True, slots=True)
class Connecting:
    """Answers requests by what can be connected to: `making` judges settings, a tenant may have so many connections."""

    making: Making
    connections_max: int

    async def create_connection(self, objects: Objects, wanted: Connection) -> Decision[Connection]:
        """Add a store or a warehouse."""
        return rules.create_connection(
            wanted,
            await objects.get(Connection, wanted.key),
            faults=self._faults(wanted),
            teller=await _teller(objects, wanted),
            count=await objects.count(Connection, {}),
            most=self.connections_max,
        )

    async def update_connection(self, objects: Objects, wanted: Connection) -> Decision[Connection]:
        """Replace all of a connection but what never changes, and its secrets."""
        return rules.update_connection(
            wanted,
            await objects.get(Connection, wanted.key),
            faults=self._faults(wanted),
            teller=await _teller(objects, wanted),
        )

    async def set_secret(self, objects: Objects, wanted: SecretWish) -> Decision[Connection]:
        """Keep or forget a secret."""
        connection = existing(Connection, wanted.connection, await objects.get(Connection, wanted.connection))
        place = wanted.place
        if not wanted.value:
            return rules.remove_secret(connection, await objects.get(Secret, (place.connection, place.name)))
        if faults := self.making.secret_faults(connection, place.name, wanted.value):
            violations = [Violation("value", each.description) for each in faults]
            raise SettingsInvalid(violations, connection=connection.connection, connector=connection.kind)
        if wanted.keys is None:
            raise SecretKeyMissing(connection=place.connection, secret=place.name)
        sealed = wanted.keys.seal(place, wanted.value)
        return rules.set_secret(connection, Secret(place.connection, place.name, sealed.key_id, sealed.text))

    def _faults(self, wanted: Connection) -> Sequence[Violation]:
        return [_violation(each) for each in self.making.setting_faults(wanted)]


async def delete_connection(objects: Objects, named: Named[Connection]) -> Decision[Connection]:
    """Remove a connection, with its secrets, schedules and late feeds."""
    current = await found(objects, named)
    where = {"connection": current.connection}
    secrets: Sequence[Configured] = await objects.select(Secret, where)
    schedules: Sequence[Configured] = await objects.select(Schedule, where)
    late: Sequence[Configured] = await objects.select(LateFeed, where)
    return rules.delete_connection(current, resting=(*late, *schedules, *secrets))


async def set_schedule(objects: Objects, wanted: Schedule) -> Decision[Schedule]:
    """Add or replace a schedule."""
    connection = (wanted.connection,)
    existing(Connection, connection, await objects.get(Connection, connection))
    return rules.set_schedule(
        wanted,
        await objects.get(Schedule, wanted.key),
        count=await objects.count(Schedule, {"connection": wanted.connection}),
    )


async def delete_schedule(objects: Objects, named: Named[Schedule]) -> Decision[Schedule]:
    """Remove a schedule."""
    return deleted(await found(objects, named))


async def set_master_switch(objects: Objects, wanted: MasterSwitch) -> Decision[MasterSwitch]:
    """Let anything flow at all, or nothing."""
    return rules.set_master_switch(wanted, await objects.get(MasterSwitch, wanted.key))


class KeptSecrets:
    """The secrets of connections as they are kept, opened: `Secrets`."""

    def __init__(self, tenants: Tenants[Objects], keys: Callable[[], Keys | None]) -> None:
        """Open what `tenants` keep."""
        self._tenants = tenants
        self._keys = keys

    async def secrets(self, tenant: str, connection: str) -> dict[str, str]:
        async with self._tenants.reading(tenant) as objects:
            kept = await objects.select(Secret, {"connection": connection})
        keys = self._keys()
        if kept and keys is None:
            raise Denied("There are secrets, and this installation was given no key to open them with.")
        try:
            return {
                each.name: keys.open(Place(tenant, connection, each.name), Sealed(each.key_id, each.sealed))
                for each in kept
                if keys is not None
            }
        except NotOpened as fault:
            raise Denied(str(fault)) from None


def _violation(fault: Fault) -> Violation:
    field = f"connection.settings[{fault.name}]" if fault.name else "connection.kind"
    return Violation(field, fault.description)


async def _teller(objects: Objects, wanted: Connection) -> Connection | None:
    """The connection that tells the levels of the channel, if there is one."""
    if not wanted.channel:
        return None
    tellers = await objects.select(Connection, {"channel": wanted.channel}, limit=1)
    return tellers[0] if tellers else None
