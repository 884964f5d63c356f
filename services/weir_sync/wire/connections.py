"""Connections, schedules and the master switch: messages to domain, refusing all bad fields at once, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from weir.connector.v1 import connector_pb2
from weir.sync.v1 import connection_pb2 as pb
from weir.sync.v1 import connection_service_pb2 as service_pb
from weir_chassis.configuration.objects import Where
from weir_chassis.configuration.wire import attempt, etag
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Vector, at_least
from weir_sync.domain.connections import Connection, Facility, FeedTerms, LeftOut, MasterSwitch, Role, Schedule
from weir_sync.domain.health import Abilities, Health, Tested
from weir_sync.domain.schedules import cron_fault, zone_fault
from weir_sync.wire.words import (
    BREAKER_STATES_TOLD,
    CONNECTOR_KINDS,
    CONNECTOR_KINDS_TOLD,
    LEFT_OUT,
    LEFT_OUT_TOLD,
    ROLES,
    ROLES_TOLD,
)

DISPLAY_NAME_LENGTH_MAX = 256
SETTINGS_MAX = 100
SETTING_LENGTH_MAX = 4096
SECRET_LENGTH_MAX = 16_384
FACILITIES_MAX = 1000
CRON_LENGTH_MAX = 128
TIME_ZONE_LENGTH_MAX = 64
SPAN_SECONDS_LEAST, SPAN_SECONDS_MAX = 60, 2_592_000

ConnectionRequest = service_pb.CreateConnectionRequest | service_pb.UpdateConnectionRequest


def connection(request: ConnectionRequest) -> tuple[Attempt, Connection]:
    """A connection as it shall be."""
    with Fields() as fields:
        fields.required(request, "connection")
        return attempt(fields, request), _connection(fields.inner("connection"), request.connection)


def connection_listing(request: service_pb.ListConnectionsRequest) -> tuple[Where, Vector]:
    """What connections must have to be listed, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        role = fields.enum("role", request.role, ROLES) if request.role else None
        return {"role": role} if role else {}, at_least(fields, request.freshness)


def secret(request: service_pb.SetSecretRequest) -> tuple[Attempt, str, str]:
    """The secret that shall be set: the connection and the name. The fingerprint of the attempt is that of any request,
    and is not to be kept of one that holds a secret.
    """
    with Fields() as fields:
        names = fields.identifier("connection", request.connection), fields.identifier("name", request.name)
        if len(request.value) > SECRET_LENGTH_MAX:
            fields.refuse("value", f"At most {SECRET_LENGTH_MAX} characters.")
        return attempt(fields, request), *names


def tested(request: service_pb.TestConnectionRequest) -> str:
    """The connection that shall be tested."""
    with Fields() as fields:
        return fields.identifier("connection", request.connection)


def master_switch(request: service_pb.SetMasterSwitchRequest) -> tuple[Attempt, MasterSwitch]:
    """The master switch as it shall be."""
    with Fields() as fields:
        return attempt(fields, request), MasterSwitch(on=request.on)


def schedule(request: service_pb.SetScheduleRequest) -> tuple[Attempt, Schedule]:
    """A schedule as it shall be."""
    with Fields() as fields:
        fields.required(request, "schedule")
        return attempt(fields, request), _schedule(fields.inner("schedule"), request.schedule)


def _connection(fields: Fields, asked: pb.Connection) -> Connection:
    role = fields.enum("role", asked.role, ROLES)
    _check_role(fields, asked, role)
    return Connection(
        connection=fields.identifier("connection", asked.connection),
        role=role,
        kind=fields.enum("kind", asked.kind, CONNECTOR_KINDS),
        display_name=fields.text("display_name", asked.display_name, length_max=DISPLAY_NAME_LENGTH_MAX),
        settings=_settings(fields, asked.settings),
        channel=fields.identifier("channel", asked.channel, optional=role is not Role.STORE),
        facilities=_facilities(fields, asked),
        push_levels=asked.push_levels,
        take_orders=asked.take_orders,
        pull_stock=asked.pull_stock,
        feed=_feed(fields.inner("feed"), asked.feed),
        late_after_seconds=_span(fields, asked, "late_after_duration"),
        late_buffer_percent=fields.number("late_buffer_percent", asked.late_buffer_percent, least=0, most=100),
        etag=etag(fields, asked),
    )


def _check_role(fields: Fields, asked: pb.Connection, role: Role) -> None:
    """Take a note of what only a connection of the other role has."""
    of_stores = ("channel", "push_levels", "take_orders")
    of_warehouses = ("facilities", "pull_stock", "feed", "late_after_duration", "late_buffer_percent")
    set_fields = {field.name for field, _ in asked.ListFields()}
    for names, holder in ((of_stores, Role.STORE), (of_warehouses, Role.WAREHOUSE)):
        for name in names:
            if role is not holder and name in set_fields:
                fields.refuse(name, f"Only of a {holder.lower()}.")


def _settings(fields: Fields, asked: Mapping[str, str]) -> dict[str, str]:
    if len(asked) > SETTINGS_MAX:
        fields.refuse("settings", f"At most {SETTINGS_MAX} of them, not {len(asked)}.")
        return {}
    for name, value in sorted(asked.items()):
        fields.identifier("settings", name)
        if len(value) > SETTING_LENGTH_MAX:
            fields.refuse(f"settings[{name}]", f"At most {SETTING_LENGTH_MAX} characters.")
        if "\0" in value:  # which Postgres keeps in no text
            fields.refuse(f"settings[{name}]", "No NUL.")
    return dict(asked)


def _facilities(fields: Fields, asked: pb.Connection) -> tuple[Facility, ...]:
    facilities = [
        Facility(each.identifier("facility", facility.facility), each.identifier("location", facility.location))
        for each, facility in fields.each("facilities", asked.facilities, least=0, most=FACILITIES_MAX)
    ]
    fields.unique("facilities", [each.facility for each in facilities])
    return tuple(sorted(facilities))


def _feed(fields: Fields, asked: pb.FeedTerms) -> FeedTerms:
    return FeedTerms(
        on_hand=asked.on_hand,
        left_out=fields.enum("left_out", asked.left_out, LEFT_OUT, default=LeftOut.HANDED_OVER),
        absent_is_zero=asked.absent_is_zero,
        owner=fields.identifier("owner", asked.owner, optional=True),
    )


def _schedule(fields: Fields, asked: pb.Schedule) -> Schedule:
    if asked.WhichOneof("when") is None:
        fields.refuse("sync_interval", "Required, or else cron.")
    if asked.time_zone and asked.WhichOneof("when") == "sync_interval":
        fields.refuse("time_zone", "Only beside cron.")
    by_clock = asked.WhichOneof("when") == "cron"
    zone = fields.text("time_zone", asked.time_zone, length_max=TIME_ZONE_LENGTH_MAX)
    cron = fields.text("cron", asked.cron, length_max=CRON_LENGTH_MAX, required=by_clock)
    if by_clock and (fault := cron_fault(cron)):
        fields.refuse("cron", fault)
    if zone and (fault := zone_fault(zone)):
        fields.refuse("time_zone", fault)
    return Schedule(
        connection=fields.identifier("connection", asked.connection),
        schedule=fields.identifier("schedule", asked.schedule),
        full=asked.full,
        interval_seconds=_span(fields, asked, "sync_interval"),
        cron=cron,
        time_zone=zone,
        disabled=asked.disabled,
        etag=etag(fields, asked),
    )


def _span(fields: Fields, asked: Message, name: str) -> int:
    """A span in whole seconds; 0 where there is none."""
    seconds = fields.duration(
        asked, name, least_seconds=SPAN_SECONDS_LEAST, most_seconds=SPAN_SECONDS_MAX, default_seconds=0
    )
    return int(seconds)


def to_connection(each: Connection, health: Health) -> pb.Connection:
    """A connection, and how it stands with it."""
    shown = pb.Connection(
        connection=each.connection,
        role=ROLES_TOLD[each.role],
        kind=CONNECTOR_KINDS_TOLD[each.kind],
        display_name=each.display_name,
        settings=each.settings,
        secret_names=each.secret_names,
        channel=each.channel,
        facilities=[pb.Facility(facility=facility, location=location) for facility, location in each.facilities],
        push_levels=each.push_levels,
        take_orders=each.take_orders,
        pull_stock=each.pull_stock,
        late_after_duration=_duration(each.late_after_seconds),
        late_buffer_percent=each.late_buffer_percent,
        abilities=to_abilities(health.abilities) if health.abilities else None,
        health=to_health(health),
        etag=each.etag,
    )
    if each.role is Role.WAREHOUSE:
        feed = each.feed
        shown.feed.MergeFrom(
            pb.FeedTerms(
                on_hand=feed.on_hand,
                left_out=LEFT_OUT_TOLD[feed.left_out],
                absent_is_zero=feed.absent_is_zero,
                owner=feed.owner,
            )
        )
    return shown


def to_health(health: Health) -> pb.ConnectionHealth:
    """How it stands with a connection."""
    breaker = health.breaker
    shown = pb.ConnectionHealth(
        state=BREAKER_STATES_TOLD[breaker.state] if breaker else pb.ConnectionHealth.STATE_UNSPECIFIED,
        failures=breaker.failures if breaker else 0,
        error=breaker.error if breaker else "",
        late=health.late,
    )
    _set_time(shown, "since_time", health.since)
    _set_time(shown, "retry_time", breaker.retry_at if breaker else None)
    _set_time(shown, "report_time", health.reported_at)
    return shown


def to_abilities(abilities: Abilities) -> connector_pb2.StoreAbilities:
    """What a store can do."""
    return connector_pb2.StoreAbilities(
        name=abilities.name,
        batch_max=abilities.batch_max,
        requests_per_second=abilities.requests_per_second,
        burst=abilities.burst,
        compare_and_set=abilities.compare_and_set,
        reads_back=abilities.reads_back,
        fenced=abilities.fenced,
    )


def to_tested(tested: Tested) -> service_pb.TestConnectionResponse:
    """What came of a test."""
    return service_pb.TestConnectionResponse(
        works=not tested.error,
        error=tested.error,
        abilities=to_abilities(tested.abilities) if tested.abilities else None,
        facilities=tested.facilities,
        milliseconds=tested.milliseconds,
    )


def to_schedule(each: Schedule, next_time: datetime | None) -> pb.Schedule:
    """A schedule, and when it is due next."""
    shown = pb.Schedule(
        connection=each.connection,
        schedule=each.schedule,
        full=each.full,
        time_zone=each.time_zone,
        disabled=each.disabled,
        etag=each.etag,
    )
    if each.cron:
        shown.cron = each.cron
    else:
        shown.sync_interval.FromSeconds(each.interval_seconds)
    _set_time(shown, "next_time", next_time)
    return shown


def _duration(seconds: int) -> Duration | None:
    return Duration(seconds=seconds) if seconds else None


def _set_time(message: Message, name: str, at: datetime | None) -> None:
    if at is not None:
        getattr(message, name).FromDatetime(at)
