"""Channels to adapters: to checked addresses alone, by TLS unless they are beside us, never tried twice by gRPC."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import grpc

from weir_chassis.settings import flag, number
from weir_chassis.status import retry_after_seconds
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import Away, ConnectorFailed, Denied, Throttled
from weir_sync.connectors.settings import secret, setting
from weir_sync.connectors.telling import Patience, Unreached, said
from weir_sync.urls import AddressRefused, Target, target

MESSAGE_BYTES_MAX = 8 * 1024 * 1024

_DENIED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)


def certificates(value: str) -> str:
    """Certificates in PEM."""
    if "-----BEGIN CERTIFICATE-----" not in value:
        raise ValueError("Give certificates in PEM.")
    return value.strip() + "\n"


def bearer(value: str) -> str:
    """A token that a header can carry."""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("Give a token of printable ASCII without blanks.")
    return value


@dataclass(frozen=True)
class AdapterSettings:
    """How an adapter that serves `weir.connector.v1` is reached."""

    target: Target = setting("Where the adapter listens, as in `adapter.example:443`.", target)
    tls: bool = setting("`off` for an adapter without TLS, which only one beside sync may be.", flag, True)
    tls_ca: str = setting(
        "Certificates, PEM, of who signs the adapter's. Default: those trusted here.", certificates, ""
    )
    deadline_seconds: float = setting("How long an answer may take: 1 to 60. Default: 10.", number(1, 60), 10.0)
    token: str = secret("Bearer token that calls carry. Default: none.", bearer, "")


class Dialed:
    """Calls to an adapter."""

    def __init__(self, settings: AdapterSettings, reach: Reach) -> None:
        """Connects when first called."""
        self.settings = settings
        self.patience = Patience()
        self._reach = reach
        self._channel: grpc.aio.Channel | None = None
        self._addresses: tuple[str, ...] = ()
        self._lost = False
        self._former: set[asyncio.Task[None]] = set()

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """What every call carries."""
        pairs = [
            ("weir-tenant", _header(self._reach.tenant)),
            ("weir-connection", _header(self._reach.connection.connection)),
        ]
        if self.settings.token:
            pairs.append(("authorization", f"Bearer {self.settings.token}"))
        return pairs

    async def channel(self) -> grpc.aio.Channel:
        """The connections, to what the host resolved to when it was reached last.

        Raises Throttled where the adapter asked to be left alone, Denied where nobody connects there, Unreached.
        """
        self.patience.check()
        if self._channel is None or self._lost:
            host, port = self.settings.target
            try:
                addresses = await self._reach.guard.addresses(host, port, secure=self.settings.tls)
            except AddressRefused as refused:
                raise Denied(str(refused)) from None
            except OSError:
                raise Unreached("The host does not resolve.") from None
            self._lost = False
            if self._channel is None or addresses != self._addresses:
                self._retire()
                self._channel, self._addresses = self._connected(addresses), addresses
        return self._channel

    def failed(self, error: grpc.aio.AioRpcError) -> ConnectorFailed:
        """What a call ended with, in the words of the port."""
        text = f"{error.code().name}: {said(error.details() or '')}"
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and (wait := retry_after_seconds(error)) is not None:
            return Throttled(text, retry_after_seconds=self.patience.wait(wait))
        if error.code() in _DENIED:
            return Denied(text)
        self._lost = self._lost or error.code() is grpc.StatusCode.UNAVAILABLE
        return Away(text)

    async def close(self) -> None:
        """End every call, and close the connections."""
        for former in self._former:
            former.cancel()
        await asyncio.gather(*self._former, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()

    def _retire(self) -> None:
        """Close the connections once the calls on them have ended: to end one would be as if its caller had."""
        if self._channel is not None:
            former = asyncio.create_task(self._channel.close(self.settings.deadline_seconds))
            self._former.add(former)
            former.add_done_callback(self._former.discard)

    def _connected(self, addresses: tuple[str, ...]) -> grpc.aio.Channel:
        host, port = self.settings.target
        sort = "ipv6" if ":" in addresses[0] else "ipv4"
        told = ",".join(str(Target(address, port)) for address in addresses if (":" in address) is (sort == "ipv6"))
        options: list[tuple[str, Any]] = [
            ("grpc.default_authority", str(Target(host, port))),
            ("grpc.enable_retries", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.enable_http_proxy", 0),
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ]
        if not self.settings.tls:
            return grpc.aio.insecure_channel(f"{sort}:{told}", options)
        roots = self.settings.tls_ca.encode() or None
        options.append(("grpc.ssl_target_name_override", host))
        return grpc.aio.secure_channel(f"{sort}:{told}", grpc.ssl_channel_credentials(roots), options)


def _header(value: str) -> str:
    """As the contract says: percent-encoded where it is not printable ASCII."""
    return quote(value, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")
