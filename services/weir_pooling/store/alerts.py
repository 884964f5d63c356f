"""Where par levels, alerts and notifications are kept."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, DateTime

from weir_chassis.configuration.postgres import Kept, column, nested
from weir_pooling.domain.alerts import Alert, Notification, ParLevel

_INSTANT = DateTime(timezone=True)


class _KeptNotifications(Kept):
    """Notifications, which can be asked for by whether they are `unread`."""

    def has(self, name: str, value: Any) -> ColumnElement[bool]:
        """Whether a notification has what `Where` asks for under this name."""
        if name != "unread":
            return super().has(name, value)
        unread: ColumnElement[bool] = self.table.c.read_time.is_(None)
        return unread if value else ~unread


ALERTS = (
    Kept(ParLevel, "par_levels", *ParLevel.identity, column("par", BigInteger)),
    Kept(
        Alert,
        "alerts",
        "alert",
        "custodian",
        "location",
        "owner",
        "sku",
        column("par", BigInteger),
        column("available", BigInteger),
        column("open_time", _INSTANT),
        nested("books"),
        "state",
        column("close_time", _INSTANT),
    ),
    _KeptNotifications(
        Notification,
        "notifications",
        "notification",
        "user",
        "case",
        "comment",
        "author",
        "text",
        column("create_time", _INSTANT),
        column("read_time", _INSTANT),
    ),
)
"""Par levels, their alerts, and notifications."""
