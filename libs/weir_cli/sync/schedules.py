"""When connections are synchronised by themselves."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from weir.sync.v1 import connection_pb2, connection_service_pb2
from weir_cli import tables
from weir_cli.paging import listed
from weir_cli.session import Answer, Session, changed
from weir_cli.sheets import spelt


async def schedules(session: Session, connection: str, *, limit: int) -> Answer:
    """Schedules, of one connection or of all, `limit` at most."""
    asked = connection_service_pb2.ListSchedulesRequest(connection=connection)
    found = await listed(session.connections.ListSchedules, asked, "schedules", limit=limit)
    return Answer(found.document, [_table(found.found), found.footnote])


async def set_schedule(session: Session, wanted: connection_pb2.Schedule, *, check: bool) -> Answer:
    """Add or replace a schedule."""
    request = connection_service_pb2.SetScheduleRequest(
        request_id=session.change(), schedule=wanted, validate_only=check
    )
    response = await session.connections.SetSchedule(request)
    return changed(session, response, [_table([response.schedule])], check=check)


async def remove(session: Session, connection: str, name: str, *, check: bool) -> Answer:
    """Remove a schedule."""
    request = connection_service_pb2.DeleteScheduleRequest(
        request_id=session.change(), connection=connection, schedule=name, validate_only=check
    )
    response = await session.connections.DeleteSchedule(request)
    return changed(session, response, [Text(f"{connection} is not synchronised by {name} any more.")], check=check)


def _table(found: Iterable[connection_pb2.Schedule]) -> RenderableType:
    made = tables.table("connection", "schedule", "takes", "when", "next")
    for each in found:
        off = Text("disabled", style="yellow")
        made.add_row(
            each.connection, each.schedule, "everything" if each.full else "what changed", when(each),
            off if each.disabled else tables.time(each.next_time),
        )  # fmt: skip
    return made


def when(found: connection_pb2.Schedule) -> str:
    """When it is due, in words."""
    if found.WhichOneof("when") == "sync_interval":
        return f"every {spelt(found.sync_interval.ToJsonString().removesuffix('s'))}"
    return f"{found.cron} {found.time_zone or 'UTC'}"
