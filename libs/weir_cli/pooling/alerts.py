"""How much shall be there, what is missing of it, and who was mentioned."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from weir.pooling.v1 import alert_pb2, alert_service_pb2
from weir_cli import tables
from weir_cli.paging import listed
from weir_cli.session import Answer, Session, changed
from weir_cli.watching import listed_and_followed, news


async def par_levels(session: Session, asked: alert_service_pb2.ListParLevelsRequest, *, limit: int) -> Answer:
    """Par levels, `limit` at most; `asked` carries the filters."""
    found = await listed(session.alerts.ListParLevels, asked, "par_levels", limit=limit)
    return Answer(found.document, [_par_levels(found.found), found.footnote])


async def set_par_level(session: Session, wanted: alert_pb2.ParLevel, *, check: bool) -> Answer:
    """Say how much shall be there."""
    request = alert_service_pb2.SetParLevelRequest(request_id=session.change(), par_level=wanted, validate_only=check)
    response = await session.alerts.SetParLevel(request)
    return changed(session, response, [_par_levels([response.par_level])], check=check)


async def remove_par_level(session: Session, asked: alert_service_pb2.DeleteParLevelRequest, *, check: bool) -> Answer:
    """Want it no more."""
    asked.request_id, asked.validate_only = session.change(), check
    response = await session.alerts.DeleteParLevel(asked)
    where = asked.location or "wherever it lies"
    product = tables.product(asked.product.owner, asked.product.sku)
    told = Text.assemble("No more is wanted of ", product, f" with {asked.custodian}, {where}.")
    return changed(session, response, [told], check=check)


async def alerts(session: Session, asked: alert_service_pb2.ListAlertsRequest, *, limit: int) -> Answer:
    """Alerts, newest first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.alerts.ListAlerts, asked, "alerts", limit=limit)
    return Answer(found.document, [alert_table(found.found), found.footnote])


def watch_alerts(
    session: Session, asked: alert_service_pb2.ListAlertsRequest, *, limit: int, count: int | None
) -> AsyncGenerator[Answer]:
    """One answer for those there are, then one for each commit that opens, changes or closes some of the custodian."""

    def told(message: alert_service_pb2.WatchAlertsResponse) -> Answer | None:
        found = [each for each in message.alerts if asked.custodian in ("", each.custodian)]
        return news("alerts", found, message.through, alert_line)

    first = listed(session.alerts.ListAlerts, asked, "alerts", limit=limit)
    asking = alert_service_pb2.WatchAlertsRequest()
    return listed_and_followed(first, alert_table, session.alerts.WatchAlerts, asking, told, count=count)


async def notifications(session: Session, asked: alert_service_pb2.ListNotificationsRequest, *, limit: int) -> Answer:
    """What a person was told, newest first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.alerts.ListNotifications, asked, "notifications", limit=limit)
    return Answer(found.document, [notification_table(found.found), found.footnote])


def watch_notifications(
    session: Session, asked: alert_service_pb2.ListNotificationsRequest, *, limit: int, count: int | None
) -> AsyncGenerator[Answer]:
    """One answer for those there are, then one for each commit with some that are new or were read."""

    def told(message: alert_service_pb2.WatchNotificationsResponse) -> Answer | None:
        found = [each for each in message.notifications if not (asked.unread_only and each.HasField("read_time"))]
        return news("notifications", found, message.through, notification_line)

    first = listed(session.alerts.ListNotifications, asked, "notifications", limit=limit)
    asking = alert_service_pb2.WatchNotificationsRequest(user=asked.user)
    call = session.alerts.WatchNotifications
    return listed_and_followed(first, notification_table, call, asking, told, count=count)


async def read(session: Session, user: str, names: Sequence[str], *, check: bool) -> Answer:
    """Note that a person has read some."""
    request = alert_service_pb2.MarkNotificationsReadRequest(
        request_id=session.change(), user=user, notifications=names, validate_only=check
    )
    response = await session.alerts.MarkNotificationsRead(request)
    return changed(session, response, [notification_table(response.notifications)], check=check)


def _par_levels(found: Iterable[alert_pb2.ParLevel]) -> RenderableType:
    made = tables.table("custodian", "location", "product", "#par")
    for each in found:
        made.add_row(
            each.custodian, each.location or Text("anywhere", style="dim"),
            tables.product(each.product.owner, each.product.sku), tables.number(each.par),
        )  # fmt: skip
    return made


def alert_table(found: Iterable[alert_pb2.Alert]) -> RenderableType:
    """Alerts, a row each."""
    made = tables.table("custodian", "location", "product", "state", "#available", "#of", "opened", "closed")
    for each in found:
        made.add_row(
            each.custodian, each.location or Text("anywhere", style="dim"),
            tables.product(each.product.owner, each.product.sku), _alarm(each), tables.number(each.available),
            tables.number(each.par), tables.time(each.open_time), tables.time(each.close_time),
        )  # fmt: skip
    return made


def alert_line(found: alert_pb2.Alert) -> Text:
    """An alert on a line."""
    where = f"@{found.location}" if found.location else ""
    product = tables.product(found.product.owner, found.product.sku)
    said = Text.assemble(_alarm(found), "  ", (found.custodian, "bold"), "  ", product, f"{where}  ")
    return said.append(f"{found.available:,} of {found.par:,} were available when it opened", style="dim")


def _alarm(found: alert_pb2.Alert) -> Text:
    """The state of an alert: an open one is what calls for somebody."""
    opened = found.state == alert_pb2.ALERT_STATE_OPEN
    return Text(tables.state(found).plain, style="bold red" if opened else "green")


def notification_table(found: Iterable[alert_pb2.Notification]) -> RenderableType:
    """Notifications, a row each; those that were read stand back."""
    made = tables.table("notification", "user", "case", "by", "when", "said", "read")
    for each in found:
        made.add_row(
            each.notification, each.user, each.case, each.author, tables.time(each.create_time), each.text,
            tables.time(each.read_time), style="dim" if each.HasField("read_time") else "",
        )  # fmt: skip
    return made


def notification_line(found: alert_pb2.Notification) -> Text:
    """A notification on a line."""
    said = Text.assemble((found.notification, "bold"), f"  {found.author} on {found.case} to {found.user}: ")
    said.append(found.text)
    return said.append("  read", style="dim") if found.HasField("read_time") else said
