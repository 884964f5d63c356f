"""Messages of par levels, alerts and notifications, in both directions; readers refuse all bad fields at once."""

from __future__ import annotations

from collections.abc import Mapping

from weir.common.v1 import stock_pb2
from weir.pooling.v1 import alert_pb2 as pb
from weir.pooling.v1 import alert_service_pb2 as service_pb
from weir_chassis.configuration.objects import Key, Named, Where
from weir_chassis.configuration.wire import etag
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Vector, at_least, revision
from weir_pooling.domain.alerts import Alert, AlertState, Notification, ParLevel, Reading
from weir_pooling.wire.reading import attempt, part
from weir_pooling.wire.words import to_instant

NOTIFICATIONS_MAX = 100

STATES_TOLD: Mapping[AlertState, pb.AlertState.ValueType] = {
    AlertState.OPEN: pb.ALERT_STATE_OPEN,
    AlertState.CLOSED: pb.ALERT_STATE_CLOSED,
}
STATES: Mapping[int, AlertState] = {value: state for state, value in STATES_TOLD.items()}


def par_level(request: service_pb.SetParLevelRequest) -> tuple[Attempt, ParLevel]:
    """A par level as it shall be."""
    with Fields() as fields:
        asked, inner = request.par_level, part(fields, request, "par_level")
        return attempt(fields, request), ParLevel(
            *_level(inner, asked), par=inner.quantity("par", asked.par), etag=etag(inner, asked)
        )


def par_level_removal(request: service_pb.DeleteParLevelRequest) -> tuple[Attempt, Named[ParLevel]]:
    """The par level that shall be wanted no more."""
    with Fields() as fields:
        return attempt(fields, request), Named(ParLevel, _level(fields, request), etag(fields, request))


def alert_listing(request: service_pb.ListAlertsRequest) -> tuple[Where, Vector]:
    """What alerts listed must have, out of what the request may name, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        custodian = fields.identifier("custodian", request.custodian, optional=True)
        where = {"custodian": custodian} if custodian else {}
        if request.state:
            where["state"] = fields.enum("state", request.state, STATES)
        return where, at_least(fields, request.freshness)


def notification_listing(request: service_pb.ListNotificationsRequest) -> tuple[Key, Where, Vector]:
    """Whose notifications, what those listed must have, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        user = fields.identifier("user", request.user, optional=True)
        where: Where = {"unread": True} if request.unread_only else {}
        return (user,), where, at_least(fields, request.freshness)


def watched_reader(request: service_pb.WatchNotificationsRequest) -> Key:
    """Whose notifications; the revision to begin after is looked at, so that all bad fields are refused at once."""
    with Fields() as fields:
        if request.HasField("after"):
            revision(fields.inner("after"), request.after)
        return (fields.identifier("user", request.user, optional=True),)


def reading(request: service_pb.MarkNotificationsReadRequest) -> tuple[Attempt, Reading]:
    """Who has read what."""
    with Fields() as fields:
        return attempt(fields, request), Reading(
            fields.identifier("user", request.user, optional=True),
            tuple(fields.identifiers("notifications", request.notifications, least=1, most=NOTIFICATIONS_MAX)),
        )


def to_par_level(level: ParLevel) -> pb.ParLevel:
    """A par level."""
    return pb.ParLevel(
        custodian=level.custodian,
        location=level.location,
        product=stock_pb2.Product(owner=level.owner, sku=level.sku),
        par=level.par,
        etag=level.etag,
    )


def to_alert(alert: Alert) -> pb.Alert:
    """An alert."""
    return pb.Alert(
        alert=alert.alert,
        custodian=alert.custodian,
        location=alert.location,
        product=stock_pb2.Product(owner=alert.owner, sku=alert.sku),
        par=alert.par,
        available=alert.available,
        state=STATES_TOLD[alert.state],
        open_time=to_instant(alert.open_time),
        close_time=to_instant(alert.close_time),
        etag=alert.etag,
    )


def to_notification(notification: Notification) -> pb.Notification:
    """A notification."""
    return pb.Notification(
        notification=notification.notification,
        user=notification.user,
        case=notification.case,
        comment=notification.comment,
        author=notification.author,
        text=notification.text,
        create_time=to_instant(notification.create_time),
        read_time=to_instant(notification.read_time),
        etag=notification.etag,
    )


def _level(fields: Fields, asked: pb.ParLevel | service_pb.DeleteParLevelRequest) -> tuple[str, str, str, str]:
    """The identifier of a par level."""
    product = part(fields, asked, "product")
    return (
        fields.identifier("custodian", asked.custodian),
        fields.identifier("location", asked.location, optional=True),
        product.identifier("owner", asked.product.owner, optional=True),
        product.identifier("sku", asked.product.sku),
    )
