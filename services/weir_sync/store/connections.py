"""Where connections, their secrets, schedules, the master switch and late feeds are kept."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Integer

from weir_chassis.configuration.postgres import Kept, column, nested
from weir_sync.domain.connections import Connection, LateFeed, MasterSwitch, Schedule, Secret

CONNECTIONS = (
    Kept(
        Connection,
        "connections",
        "connection",
        "role",
        "kind",
        "display_name",
        nested("settings"),
        nested("secret_names"),
        "channel",
        nested("facilities"),
        column("push_levels", Boolean),
        column("take_orders", Boolean),
        column("pull_stock", Boolean),
        nested("feed"),
        column("late_after_seconds", BigInteger),
        column("late_buffer_percent", Integer),
    ),
    Kept(Secret, "secrets", *Secret.identity, "key_id", "sealed"),
    Kept(
        Schedule,
        "schedules",
        *Schedule.identity,
        column("full", Boolean),
        column("interval_seconds", BigInteger),
        "cron",
        "time_zone",
        column("disabled", Boolean),
    ),
    Kept(MasterSwitch, "master_switches", "switch", column("on", Boolean)),
    Kept(LateFeed, "late_feeds", "location", "connection", column("buffer_percent", Integer)),
)
"""Stores and warehouses, and when they are synchronised."""
