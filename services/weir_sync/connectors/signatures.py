"""Signatures of what is sent over HTTP: who has the key made it, and not long ago.

A signature is `v1=` and the hexadecimal HMAC-SHA256 of the timestamp (seconds since 1970, in decimal), a full stop and
the body. That of an answer has the signature of its request and a full stop before the body, so that no answer stands
for another.
"""

from __future__ import annotations

import hashlib
import hmac

TIMESTAMP = "weir-timestamp"
SIGNATURE = "weir-signature"
AGE_SECONDS_MAX = 300
KEY_LENGTH_MIN = 16


def signing_key(value: str) -> str:
    """A key that is not too short."""
    if len(value) < KEY_LENGTH_MIN:
        raise ValueError(f"Give at least {KEY_LENGTH_MIN} characters.")
    return value


def signature(key: str, timestamp: str, body: bytes, *, of: str = "") -> str:
    """The signature of a request; or of an answer to the request that has the signature `of`."""
    signed = f"{timestamp}.{of}.".encode() if of else f"{timestamp}.".encode()
    return "v1=" + hmac.new(key.encode(), signed + body, hashlib.sha256).hexdigest()


def is_signed(key: str, told: str, timestamp: str, body: bytes, *, now: float, of: str = "") -> bool:
    """Whether somebody with the key signed this within the last or next five minutes.

    Several signatures may be told, with blanks between them, as by somebody whose key is being replaced.
    """
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    wanted = signature(key, timestamp, body, of=of)
    matches = [hmac.compare_digest(wanted.encode(), each.encode()) for each in told.split()[:4]]
    return any(matches) and abs(now - int(timestamp)) <= AGE_SECONDS_MAX
