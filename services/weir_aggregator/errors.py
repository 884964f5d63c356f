"""Why the aggregator refuses."""

from __future__ import annotations

from weir_chassis.errors import Kind, Refusal


class ChannelNotFound(Refusal):
    """The network has no such channel at the revision the answer would rest on."""

    kind = Kind.UNKNOWN
    reason = "CHANNEL_NOT_FOUND"

    def __init__(self, channel: str) -> None:
        """Refuse for the channel that is not there; of several, the first as asked."""
        super().__init__(f"There is no channel '{channel}'.", channel=channel)


class TenantsExhausted(Refusal):
    """Another tenant would be one more than this replica may hold in memory."""

    kind = Kind.EXHAUSTED
    reason = "TENANTS_EXHAUSTED"

    def __init__(self, *, limit: int) -> None:
        """Refuse a tenant that is not loaded where `limit` are."""
        super().__init__(f"This replica serves {limit} tenants and may serve no more.", limit=limit)
