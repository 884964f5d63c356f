"""The settings that services share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weir_chassis.settings.loading import Fault, setting
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


@dataclass(frozen=True)
class DatabaseSettings:
    """Where the books are kept; without a URL an embedded Postgres in `data_directory` is started or joined."""

    url: str | None = setting(
        "WEIR_DATABASE_URL",
        "Postgres 15 or later, as the application's role; unset means embedded. For several hosts separate them by"
        " commas and add ?target_session_attrs=read-write.",
        postgres_url,
        None,
        secret=True,
    )
    owner_url: str | None = setting(
        "WEIR_DATABASE_OWNER_URL",
        "The same database as a role that may create schemas and roles; only `weir migrate` uses it.",
        postgres_url,
        None,
        secret=True,
    )
    data_directory: Path | None = setting(
        "WEIR_DATA_DIRECTORY",
        "Where the embedded Postgres keeps its data; unset means /var/lib/weir for root, else ~/.local/share/weir.",
        path,
        None,
    )
    pool_size: int = setting("WEIR_DATABASE_POOL_SIZE", "Connections a process holds at most.", integer(2, 500), 10)
    pool_wait_seconds: float = setting(
        "WEIR_DATABASE_POOL_WAIT_SECONDS", "How long to wait for a free connection.", number(0.1, 60), 5.0
    )
    connect_seconds: float = setting(
        "WEIR_DATABASE_CONNECT_SECONDS", "How long to try to connect.", number(0.1, 60), 5.0
    )
    statement_seconds: float = setting(
        "WEIR_DATABASE_STATEMENT_SECONDS",
        "Longest statement where no caller's deadline is nearer.",
        number(1, 3600),
        60.0,
    )
    idle_seconds: float = setting(
        "WEIR_DATABASE_IDLE_SECONDS",
        "Longest pause within a transaction before Postgres ends it.",
        number(1, 3600),
        30.0,
    )
    statement_cache: int = setting(
        "WEIR_DATABASE_STATEMENT_CACHE",
        "Prepared statements kept per connection; 0 behind a pooler in transaction mode.",
        integer(0, 10_000),
        512,
    )
    request_keep_seconds: int = setting(
        "WEIR_REQUEST_KEEP_SECONDS",
        "How long the outcome of a request id is kept; at least a day.",
        integer(86_400, 31_536_000),
        604_800,
    )


@dataclass(frozen=True)
class ServerSettings:
    """How a gRPC server listens, and its limits."""

    listen: Address = setting(
        "WEIR_LISTEN", "host:port to listen on; port 0 takes a free one.", address, Address("127.0.0.1", 0)
    )
    tls_certificate_file: Path | None = setting(
        "WEIR_TLS_CERTIFICATE_FILE",
        "PEM chain of the server; unset means no TLS. Read again when it changes.",
        path,
        None,
    )
    tls_key_file: Path | None = setting("WEIR_TLS_KEY_FILE", "PEM key of the certificate.", path, None)
    tls_client_ca_file: Path | None = setting(
        "WEIR_TLS_CLIENT_CA_FILE", "PEM of who signs clients; set, it makes TLS mutual.", path, None
    )
    write_limit: int = setting("WEIR_WRITE_LIMIT", "Writes in progress at once.", integer(1, 100_000), 1024)
    read_limit: int = setting("WEIR_READ_LIMIT", "Reads in progress at once.", integer(1, 100_000), 1024)
    watch_limit: int = setting("WEIR_WATCH_LIMIT", "Watches open at once.", integer(1, 100_000), 256)
    message_bytes_max: int = setting(
        "WEIR_MESSAGE_BYTES_MAX", "Longest message received.", integer(65_536, 67_108_864), 1_048_576
    )
    sent_bytes_max: int = setting(
        "WEIR_SENT_BYTES_MAX", "Longest message sent.", integer(65_536, 268_435_456), 16_777_216
    )
    streams_max: int = setting("WEIR_STREAMS_MAX", "Calls in progress on one connection.", integer(1, 100_000), 1000)
    deadline_default_seconds: float = setting(
        "WEIR_DEADLINE_DEFAULT_SECONDS", "Deadline of a unary call that has none.", number(0.1, 3600), 10.0
    )
    deadline_max_seconds: float = setting(
        "WEIR_DEADLINE_MAX_SECONDS", "Longest deadline of a unary call that is honoured.", number(0.1, 3600), 60.0
    )
    keepalive_seconds: float = setting(
        "WEIR_KEEPALIVE_SECONDS", "Silence after which a connection is tried.", number(1, 7200), 60.0
    )
    connection_age_seconds: float = setting(
        "WEIR_CONNECTION_AGE_SECONDS", "Age at which a client is asked to connect anew.", number(10, 86_400), 600.0
    )
    connection_grace_seconds: float = setting(
        "WEIR_CONNECTION_GRACE_SECONDS", "How long calls on such a connection may still take.", number(1, 3600), 60.0
    )
    reuse_port: bool = setting("WEIR_REUSE_PORT", "Whether several processes may listen on the same port.", flag, False)
    notice_seconds: float = setting(
        "WEIR_NOTICE_SECONDS",
        "How long a process that is to end still takes calls after it said NOT_SERVING.",
        number(0, 60),
        0.5,
    )
    drain_seconds: float = setting(
        "WEIR_DRAIN_SECONDS",
        "How long calls in progress may take when the process is asked to end.",
        number(0, 600),
        10.0,
    )

    def faults(self) -> Iterator[Fault]:
        """TLS needs certificate and key; clients can be verified only with it."""
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            missing = "WEIR_TLS_KEY_FILE" if self.tls_key_file is None else "WEIR_TLS_CERTIFICATE_FILE"
            yield Fault(missing, "Certificate and key are given together.")
        if self.tls_client_ca_file is not None and self.tls_certificate_file is None:
            yield Fault("WEIR_TLS_CLIENT_CA_FILE", "Clients are verified only where WEIR_TLS_CERTIFICATE_FILE is set.")
        if self.deadline_default_seconds > self.deadline_max_seconds:
            yield Fault("WEIR_DEADLINE_DEFAULT_SECONDS", "At most WEIR_DEADLINE_MAX_SECONDS.")


@dataclass(frozen=True)
class AuthSettings:
    """Who may call; without keys a server is in development mode and listens on loopback only."""

    jwks: str | None = setting(
        "WEIR_AUTH_JWKS", "File or https URL of the keys that sign tokens; unset means development mode.", text, None
    )
    issuer: str | None = setting("WEIR_AUTH_ISSUER", "Required `iss` of a token.", text, None)
    audience: str | None = setting("WEIR_AUTH_AUDIENCE", "Required `aud` of a token.", text, None)
    algorithms: tuple[str, ...] = setting(
        "WEIR_AUTH_ALGORITHMS", "Signature algorithms accepted.", texts, ("RS256", "ES256", "EdDSA")
    )
    tenant_claim: str = setting("WEIR_AUTH_TENANT_CLAIM", "Claim that names the tenant.", text, "tenant")
    role_claim: str = setting("WEIR_AUTH_ROLE_CLAIM", "Claim that names the role.", text, "role")
    jwks_loopback_http: bool = setting(
        "WEIR_AUTH_JWKS_LOOPBACK_HTTP", "Whether keys may come from http:// on loopback.", flag, False
    )

    leeway_seconds: int = setting(
        "WEIR_AUTH_LEEWAY_SECONDS", "How far the clocks of signer and service may differ.", integer(0, 300), 30
    )
    cache_seconds: float = setting(
        "WEIR_AUTH_CACHE_SECONDS",
        "How long a verified token is trusted without another look; never past its end.",
        number(0, 300),
        30.0,
    )

    def faults(self) -> Iterator[Fault]:
        """Tokens are only worth something when it is fixed who makes them and for whom."""
        if self.jwks is not None and self.issuer is None:
            yield Fault("WEIR_AUTH_ISSUER", "Required where WEIR_AUTH_JWKS is set.")
        if self.jwks is not None and self.audience is None:
            yield Fault("WEIR_AUTH_AUDIENCE", "Required where WEIR_AUTH_JWKS is set.")
        if any(name.lower() == "none" or name.upper().startswith("HS") for name in self.algorithms):
            yield Fault("WEIR_AUTH_ALGORITHMS", "Only signatures by a private key are accepted.")


@dataclass(frozen=True)
class ClientSettings:
    """How this process calls other services of the suite."""

    token_file: Path | None = setting(
        "WEIR_TOKEN_FILE", "Bearer token to present; read again when it changes. Unset means none.", path, None
    )
    tls_ca_file: Path | None = setting(
        "WEIR_CLIENT_TLS_CA_FILE",
        "PEM of who signs servers; unset means no TLS. Read again when it changes, as are the two below.",
        path,
        None,
    )
    tls_certificate_file: Path | None = setting(
        "WEIR_CLIENT_TLS_CERTIFICATE_FILE", "PEM chain to present where TLS is mutual.", path, None
    )
    tls_key_file: Path | None = setting("WEIR_CLIENT_TLS_KEY_FILE", "PEM key of that certificate.", path, None)
    deadline_seconds: float = setting(
        "WEIR_CLIENT_DEADLINE_SECONDS", "Deadline of a call that is given none.", number(0.1, 3600), 10.0
    )
    margin_seconds: float = setting(
        "WEIR_CLIENT_MARGIN_SECONDS",
        "Part of a caller's deadline that is kept for the answer when another service is called for it.",
        number(0, 10),
        0.05,
    )
    message_bytes_max: int = setting(
        "WEIR_CLIENT_MESSAGE_BYTES_MAX", "Longest message received.", integer(65_536, 268_435_456), 16_777_216
    )
    keepalive_seconds: float = setting(
        "WEIR_CLIENT_KEEPALIVE_SECONDS", "Silence after which a connection is tried.", number(10, 7200), 30.0
    )

    def faults(self) -> Iterator[Fault]:
        """A certificate is worth nothing without its key, nor without TLS."""
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            missing = "KEY" if self.tls_key_file is None else "CERTIFICATE"
            yield Fault(f"WEIR_CLIENT_TLS_{missing}_FILE", "Certificate and key are given together.")
        if self.tls_certificate_file is not None and self.tls_ca_file is None:
            yield Fault("WEIR_CLIENT_TLS_CA_FILE", "Required where WEIR_CLIENT_TLS_CERTIFICATE_FILE is set.")


@dataclass(frozen=True)
class TelemetrySettings:
    """What a process tells about itself."""

    otlp_endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", "Where traces and metrics go; unset means nowhere.", text, None
    )
    trace_ratio: float = setting("WEIR_TRACE_RATIO", "Share of calls that are traced.", number(0, 1), 0.05)
    metrics_seconds: float = setting("WEIR_METRICS_SECONDS", "How often metrics are sent.", number(1, 3600), 15.0)
    log_format: str = setting(
        "WEIR_LOG_FORMAT", "json, plain, or auto: plain on a terminal.", choice("auto", "json", "plain"), "auto"
    )
    log_level: str = setting(
        "WEIR_LOG_LEVEL", "debug, info, warning or error.", choice("debug", "info", "warning", "error"), "info"
    )
