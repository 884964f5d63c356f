"""Identifiers: ours sort by time, a caller's are checked."""

import time
import uuid

import pytest

from weir_chassis.ids import LENGTH_MAX, identifier_fault, new_id


def test_new_ids_are_uuids_of_version_7() -> None:
    """An id is lower-case, and every UUID library reads it as version 7 of RFC 9562."""
    made = new_id()
    assert made == str(uuid.UUID(made))
    assert uuid.UUID(made).version == 7
    assert uuid.UUID(made).variant == uuid.RFC_4122


def test_new_ids_carry_the_time() -> None:
    """The first 48 bits are the milliseconds at which the id was made."""
    before = time.time_ns() // 1_000_000
    milliseconds = uuid.UUID(new_id()).int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_new_ids_differ() -> None:
    """Ten thousand ids of one moment are ten thousand ids."""
    assert len({new_id() for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    "value", ["a", "SKU-1", "two words", "x" * LENGTH_MAX, "ü", "日本", "'; DROP TABLE x; --", "🧦", "é" * LENGTH_MAX]
)
def test_identifiers_that_pass(value: str) -> None:
    """Any printable text of 1 to 128 characters is an identifier."""
    assert identifier_fault(value) is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("", "Required."),
        ("x" * (LENGTH_MAX + 1), "At most 128 characters."),
        (" a", "No blank at either end."),
        ("a ", "No blank at either end."),
        (" ", "No blank at either end."),
        ("\u00a0a", "No blank at either end."),
        ("a\u2003", "No blank at either end."),
        ("a\tb", "No control characters."),
        ("a\0b", "No control characters."),
        ("\0", "No control characters."),
        ("a\x7f", "No control characters."),
        ("a\u0085b", "No control characters."),
        ("a\u2028b", "No control characters."),
        ("a\ud800", "No control characters."),
    ],
)
def test_identifiers_that_do_not(value: str, fault: str) -> None:
    """Each fault has one sentence."""
    assert identifier_fault(value) == fault


def test_a_shorter_limit_can_be_asked() -> None:
    """A field may have a lower limit than identifiers have."""
    assert identifier_fault("x" * 9, length_max=8) == "At most 8 characters."
    assert identifier_fault("x" * 8, length_max=8) is None
