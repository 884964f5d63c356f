"""Stores and warehouses: added, changed, switched on and off, tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from weir.sync.v1 import connection_pb2, connection_service_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.options import OK, REFUSED
from weir_cli.paging import listed
from weir_cli.session import Answer, Session, changed
from weir_cli.sheets import spelt

STORE, WAREHOUSE = connection_pb2.CONNECTION_ROLE_STORE, connection_pb2.CONNECTION_ROLE_WAREHOUSE
FLOWS = {STORE: ("push_levels", "take_orders"), WAREHOUSE: ("pull_stock",)}
"""What may flow, by role."""
FLOW_WORDS = {"push_levels": "levels", "take_orders": "orders", "pull_stock": "stock"}
"""What each flow carries, as people call it."""

Change = Callable[[connection_pb2.Connection], None]


class FlowUnknown(ValueError):
    """A flow that a connection of its role does not have; says so in a sentence."""


async def connections(session: Session, asked: connection_service_pb2.ListConnectionsRequest, *, limit: int) -> Answer:
    """Connections, `limit` at most, and whether anything flows at all; `asked` carries the filters."""
    found = await listed(session.connections.ListConnections, asked, "connections", limit=limit)
    switch = await session.connections.GetMasterSwitch(connection_service_pb2.GetMasterSwitchRequest())
    shown: list[RenderableType] = [_table(found.found), found.footnote]
    if not switch.on:
        shown.append(Text("The master switch is off: nothing flows (weir connect on).", style="yellow"))
    return Answer({**found.document, "on": switch.on}, shown)


async def connection(session: Session, name: str) -> Answer:
    """One connection with all that is known of it."""
    response = await _get(session, name)
    return Answer(document(response), [*detailed(response.connection), tables.footnote(response.revision)])


async def add(session: Session, made: connection_pb2.Connection, *, check: bool) -> Answer:
    """Add a connection."""
    request = connection_service_pb2.CreateConnectionRequest(
        request_id=session.change(), connection=made, validate_only=check
    )
    response = await session.connections.CreateConnection(request)
    return changed(session, response, detailed(response.connection), check=check)


async def change(session: Session, name: str, change: Change, *, check: bool) -> Answer:
    """Replace what `change` sets; a connection that is so already is left alone, so that this may be repeated."""
    request_id = session.change()
    found = await _get(session, name)
    wanted = connection_pb2.Connection()
    wanted.CopyFrom(found.connection)
    change(wanted)
    if wanted == found.connection:
        return changed(session, found, detailed(found.connection), check=check)
    request = connection_service_pb2.UpdateConnectionRequest(
        request_id=request_id, connection=wanted, validate_only=check
    )
    response = await session.connections.UpdateConnection(request)
    return changed(session, response, detailed(response.connection), check=check)


def switching(flows: Sequence[str], *, on: bool) -> Change:
    """These flows are on or off; without any, all that the connection has."""

    def switch(made: connection_pb2.Connection) -> None:
        own = FLOWS.get(made.role, ())
        for flow in flows or own:
            if flow not in own:
                raise FlowUnknown(f"{made.connection} is a {word(made, 'role')}: no {FLOW_WORDS[flow]} flow there.")
            setattr(made, flow, on)

    return switch


async def remove(session: Session, name: str, *, check: bool) -> Answer:
    """Remove a connection, with its secrets, schedules and listings."""
    request = connection_service_pb2.DeleteConnectionRequest(
        request_id=session.change(), connection=name, validate_only=check
    )
    response = await session.connections.DeleteConnection(request)
    told = f"{name} is gone, with its secrets, schedules and listings. Its records stay as long as records do."
    return changed(session, response, [Text(told)], check=check)


async def set_secret(session: Session, name: str, secret: str, value: str, *, check: bool) -> Answer:
    """Set a secret, or remove it where `value` is empty."""
    request = connection_service_pb2.SetSecretRequest(
        request_id=session.change(), connection=name, name=secret, value=value, validate_only=check
    )
    response = await session.connections.SetSecret(request)
    names = ", ".join(response.connection.secret_names) or "none"
    return changed(session, response, [Text.assemble((f"Secrets of {name}: ", "dim"), names)], check=check)


async def tried(session: Session, name: str) -> Answer:
    """Whether the other end answers as it should, and what it can do."""
    request = connection_service_pb2.TestConnectionRequest(connection=name)
    response = await session.connections.TestConnection(request)
    said = (
        Text.assemble(("✓ ", "green"), f"{name} works") if response.works else Text.assemble(("✗ ", "bold red"), name)
    )
    said.append(f": answered in {response.milliseconds:,} ms." if response.works else f": {response.error}")
    shown: list[RenderableType] = [said]
    if response.HasField("abilities"):
        shown.append(_abilities(response.abilities))
    if response.facilities:
        shown.append(Text.assemble(("facilities: ", "dim"), ", ".join(response.facilities)))
    return Answer(document(response), shown, OK if response.works else REFUSED)


async def switch_all(session: Session, *, on: bool, check: bool) -> Answer:
    """Let anything flow at all, or nothing."""
    request = connection_service_pb2.SetMasterSwitchRequest(request_id=session.change(), on=on, validate_only=check)
    response = await session.connections.SetMasterSwitch(request)
    told = "whatever is switched on flows" if response.on else "nothing flows; what falls due is sent later"
    state = Text.assemble("The master switch is ", ("on", "green") if response.on else ("off", "yellow"), f": {told}.")
    return changed(session, response, [state], check=check)


async def _get(session: Session, name: str) -> connection_service_pb2.GetConnectionResponse:
    return await session.connections.GetConnection(connection_service_pb2.GetConnectionRequest(connection=name))


def _table(found: Iterable[connection_pb2.Connection]) -> RenderableType:
    made = tables.table("connection", "role", "kind", "of", "flows", "answers", "name")
    for each in found:
        locations = tables.counted(len(each.facilities), "facility").replace("facilitys", "facilities")
        made.add_row(
            each.connection, word(each, "role"), word(each, "kind"), each.channel or locations, _flows(each),
            _health(each), Text(each.display_name, style="dim"),
        )  # fmt: skip
    return made


def detailed(found: connection_pb2.Connection) -> list[RenderableType]:
    """One connection with all that is known of it; of secrets the names."""
    shown: list[RenderableType] = [_table([found])]
    given = tables.table("setting", "value")
    for name in sorted(found.settings):
        given.add_row(name, found.settings[name])
    for name in found.secret_names:
        given.add_row(name, Text("secret, set", style="dim"))
    shown += [given] if given.row_count else []
    if found.facilities:
        places = tables.table("facility", "location")
        for each in found.facilities:
            places.add_row(each.facility, each.location)
        shown.append(places)
    if found.HasField("feed"):
        shown.append(_feed(found.feed))
    if late := _late(found):
        shown.append(late)
    if found.HasField("abilities"):
        shown.append(_abilities(found.abilities))
    if found.health.error:
        shown.append(Text.assemble(("failed last: ", "dim"), (found.health.error, "red")))
    return shown


def _flows(found: connection_pb2.Connection) -> Text:
    on = [FLOW_WORDS[flow] for flow in FLOWS.get(found.role, ()) if getattr(found, flow)]
    return Text(", ".join(on), style="green") if on else Text("off", style="yellow")


def _health(found: connection_pb2.Connection) -> Text:
    health = found.health
    if health.late:
        return Text.assemble(("late", "bold red"), f", reported {tables.time(health.report_time) or 'never'}")
    match health.state:
        case connection_pb2.ConnectionHealth.STATE_CLOSED:
            return Text("yes", style="green")
        case connection_pb2.ConnectionHealth.STATE_OPEN:
            return Text(f"no, tried again {tables.time(health.retry_time)}", style="bold red")
        case connection_pb2.ConnectionHealth.STATE_HALF_OPEN:
            return Text("being tried", style="yellow")
        case _:
            return Text("not asked", style="dim")


def _feed(feed: connection_pb2.FeedTerms) -> Text:
    said = "units on hand" if feed.on_hand else "units available"
    if not feed.on_hand:
        left = word(feed, "left_out").replace("UNSPECIFIED", "HANDED_OVER").lower().replace("_", " ")
        said += f", without promises: {left}"
    said += "; what a full report does not name is not there" if feed.absent_is_zero else ""
    said += f"; goods of {feed.owner}" if feed.owner else ""
    return Text.assemble(("reports: ", "dim"), said)


def _late(found: connection_pb2.Connection) -> Text | None:
    if not found.HasField("late_after_duration"):
        return None
    after = spelt(found.late_after_duration.ToJsonString().removesuffix("s"))
    buffer = f"; stores are then told {found.late_buffer_percent} % less of it" if found.late_buffer_percent else ""
    return Text.assemble(("late: ", "dim"), f"after {after} without a report{buffer}")


def _abilities(found: object) -> Text:
    can = [
        said
        for name, said in (
            ("compare_and_set", "compares and sets"), ("reads_back", "reads back"), ("fenced", "heeds numbers"),
        )
        if getattr(found, name)
    ]  # fmt: skip
    rate = f"{getattr(found, 'batch_max', 0):,} levels a request, {getattr(found, 'requests_per_second', 0):,} a second"
    return Text.assemble(("can do: ", "dim"), ", ".join([rate, *can]), (f"  {getattr(found, 'name', '')}", "dim"))
