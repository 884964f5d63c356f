"""Channels of tests, none of which knows what became of another.

gRPC shares connections within a process by address: a channel to a port that an earlier server listened on would be
told of that one's end until its pause is over. Here every channel connects for itself, and tries again soon.
"""

from __future__ import annotations

from collections.abc import Sequence

import grpc

OWN = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)]


def connect(address: str, options: Sequence[tuple[str, int]] = ()) -> grpc.aio.Channel:
    """A plain channel to a server, with these options besides; close it when done."""
    return grpc.aio.insecure_channel(address, [*OWN, *options])
