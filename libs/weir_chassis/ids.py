"""Make identifiers, and say what a caller's identifier may look like."""

from __future__ import annotations

import os
import time
import unicodedata

LENGTH_MAX = 128
"""Longest identifier, in characters."""


def new_id() -> str:
    """A new identifier that nobody else has: a UUID of version 7, lower-case with dashes.

    Later identifiers sort after earlier ones to the millisecond, so rows written together lie together; never rely on
    it for order, the clock may step back.
    """
    milliseconds = time.time_ns() // 1_000_000
    chance = int.from_bytes(os.urandom(10), "big")
    number = (milliseconds & (1 << 48) - 1) << 80 | chance
    number = number & ~(0xF << 76) | 0x7 << 76  # version 7
    number = number & ~(0x3 << 62) | 0x2 << 62  # the variant of RFC 9562
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def identifier_fault(value: str, *, length_max: int = LENGTH_MAX) -> str | None:
    """What is wrong with an identifier that a caller gives, as one sentence; None where nothing is.

    An identifier has 1 to `length_max` characters, none of them a control character or half of a surrogate pair, and no
    blank at either end.
    """
    if not value:
        return "Required."
    if len(value) > length_max:
        return f"At most {length_max} characters."
    if value.isascii() and value.isprintable():
        return "No blank at either end." if value[0] == " " or value[-1] == " " else None
    if value[0].isspace() or value[-1].isspace():
        return "No blank at either end."
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        return "No control characters."
    return None
