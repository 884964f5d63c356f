"""Read settings from the environment: one frozen dataclass a service, and every fault of it told at once.

A field says in one place what its variable is called, what it means, how it is read and what stands where it is unset:

    @dataclass(frozen=True)
    class Settings:
        server: ServerSettings = group(ServerSettings, listen=Address("127.0.0.1", 7101))
        database: DatabaseSettings = group(DatabaseSettings)
        hold_seconds: int = setting("WEIR_HOLD_SECONDS", "How long a reservation is held.", integer(1, 86_400), 900)

    settings = load(Settings, os.environ)

An empty variable counts as unset. A secret is never printed: not by repr, not in a fault, not by `describe`; it may
also be given as a file, named by the variable with `_FILE` behind it.
"""

from weir_chassis.settings.groups import (
    AuthSettings,
    ClientSettings,
    DatabaseSettings,
    ServerSettings,
    TelemetrySettings,
)
from weir_chassis.settings.loading import Fault, Row, SettingsFaults, describe, group, load, setting
from weir_chassis.settings.values import (
    Address,
    address,
    choice,
    flag,
    integer,
    number,
    path,
    postgres_url,
    text,
    texts,
)

__all__ = [
    "Address",
    "AuthSettings",
    "ClientSettings",
    "DatabaseSettings",
    "Fault",
    "Row",
    "ServerSettings",
    "SettingsFaults",
    "TelemetrySettings",
    "address",
    "choice",
    "describe",
    "flag",
    "group",
    "integer",
    "load",
    "number",
    "path",
    "postgres_url",
    "setting",
    "text",
    "texts",
]
