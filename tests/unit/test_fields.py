"""Every bad field is told, each by its path, and good ones pass unchanged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import interval_pb2  # type: ignore[import-untyped]

from weir.common.v1 import stock_pb2
from weir_chassis.errors import Malformed
from weir_chassis.fields import PAGE_SIZE_MAX, QUANTITY_MAX, VIOLATIONS_MAX, Fields

CONDITIONS = {stock_pb2.CONDITION_SELLABLE: "sellable", stock_pb2.CONDITION_HOLD: "hold"}

Check = Callable[[Fields], Any]


def bad(check: Check) -> list[tuple[str, str]]:
    """The notes a check takes: paths and sentences."""
    fields = Fields()
    check(fields)
    with pytest.raises(Malformed) as caught:
        fields.check()
    return [(each.field, each.description) for each in caught.value.violations]


def good(check: Check) -> Any:
    """What a check returns when nothing is wrong."""
    fields = Fields()
    value = check(fields)
    fields.check()
    return value


@pytest.mark.parametrize("value", ["", " a", "a ", "\ta", "a\x00b", "a\nb", "a\x7fb", "\u2028", "\u00a0a", "x" * 129])
def test_identifiers_out_of_form(value: str) -> None:
    """Nothing, blanks at the ends, NUL, control characters, too long: no identifier."""
    assert [path for path, _ in bad(lambda fields: fields.identifier("sku", value))] == ["sku"]
    assert [path for path, _ in bad(lambda fields: fields.request_id(value))] == ["request_id"]


@pytest.mark.parametrize("value", ["a", "x" * 128, "a b", "SKU-1/ä·日本", "🙂", "0"])
def test_identifiers_in_form(value: str) -> None:
    """Anything readable of up to 128 characters is one."""
    assert good(lambda fields: fields.identifier("sku", value)) == value


@pytest.mark.parametrize(
    ("value", "fits"),
    [(-1, False), (0, False), (1, True), (QUANTITY_MAX, True), (QUANTITY_MAX + 1, False), (2**63 - 1, False)],
)
def test_quantities(value: int, fits: bool) -> None:
    """A quantity is from 1 to 10^9; a count may be 0."""
    if fits:
        assert good(lambda fields: fields.quantity("quantity", value)) == value
    else:
        assert bad(lambda fields: fields.quantity("quantity", value)) == [("quantity", "From 1 to 1000000000.")]
    if fits or value == 0:
        assert good(lambda fields: fields.count("quantity", value)) == value
    else:
        assert bad(lambda fields: fields.count("quantity", value)) == [("quantity", "From 0 to 1000000000.")]


@pytest.mark.parametrize(
    ("asked", "size"),
    [(0, 100), (1, 1), (PAGE_SIZE_MAX, PAGE_SIZE_MAX), (-1, None), (PAGE_SIZE_MAX + 1, None), (10**9, None)],
)
def test_page_sizes(asked: int, size: int | None) -> None:
    """0 is the default; negative and more than the maximum is refused."""
    if size is None:
        assert [path for path, _ in bad(lambda fields: fields.page_size(asked))] == ["page_size"]
    else:
        assert good(lambda fields: fields.page_size(asked)) == size


def test_enums() -> None:
    """A known value means something, 0 means the default or is required, an unknown one is refused."""
    assert good(lambda fields: fields.enum("condition", stock_pb2.CONDITION_HOLD, CONDITIONS)) == "hold"
    assert good(lambda fields: fields.enum("condition", 0, CONDITIONS, default="sellable")) == "sellable"
    assert bad(lambda fields: fields.enum("condition", 0, CONDITIONS)) == [("condition", "Required.")]
    for unknown in (-1, 99, 2**31 - 1):
        with pytest.raises(Malformed, match="condition"), Fields() as fields:
            fields.enum("condition", unknown, CONDITIONS, default="hold")
    assert good(lambda fields: fields.enums("conditions", [2, 1], CONDITIONS)) == ["hold", "sellable"]
    assert bad(lambda fields: fields.enums("conditions", [1, 1], CONDITIONS)) == [
        ("conditions[1]", "The same as conditions[0].")
    ]
    assert bad(lambda fields: fields.enums("conditions", [1] * 50, CONDITIONS)) == [
        ("conditions", "From 0 to 2 of them, not 50.")
    ]
    assert good(lambda fields: fields.choice("kind", "a", ("a", "b"))) == "a"
    assert bad(lambda fields: fields.choice("kind", "c", ("b", "a"))) == [("kind", "One of a, b.")]


def interval(**fields: Timestamp) -> Any:
    """A message with two timestamps."""
    return interval_pb2.Interval(**fields)


def test_timestamps() -> None:
    """An instant of the years 1 to 9999 to the microsecond; unset is None or required; anything else is refused."""
    instant = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    assert good(lambda fields: fields.timestamp(interval(start_time=stamp), "start_time")) == instant
    assert good(lambda fields: fields.timestamp(interval(), "start_time")) is None
    assert bad(lambda fields: fields.timestamp(interval(), "start_time", required=True)) == [
        ("start_time", "Required.")
    ]
    least, most = Timestamp(seconds=-62_135_596_800), Timestamp(seconds=253_402_300_799, nanos=999_999_999)
    assert good(lambda fields: fields.timestamp(interval(start_time=least), "start_time")).year == 1
    assert good(lambda fields: fields.timestamp(interval(start_time=most), "start_time")).year == 9999
    for seconds, nanos in ((-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (0, 10**9), (2**63 - 1, 0)):
        wrong = interval(start_time=Timestamp(seconds=seconds, nanos=nanos))
        with pytest.raises(Malformed, match="start_time"), Fields() as fields:
            fields.timestamp(wrong, "start_time")


@pytest.mark.parametrize(
    ("seconds", "nanos", "read"),
    [
        (1, 0, 1.0),
        (0, 500_000_000, 0.5),
        (60, 0, 60.0),
        (0, 0, None),
        (60, 1, None),
        (-1, 0, None),
        (2, -1, None),
        (1, 10**9, None),
        (2**63 - 1, 0, None),
    ],
)
def test_durations(seconds: int, nanos: int, read: float | None) -> None:
    """A span within both ends; unset is the default; ill-formed ones are refused."""

    class Holder:
        """A message with a duration, as far as the checker looks."""

        hold = Duration(seconds=seconds, nanos=nanos)

        def HasField(self, name: str) -> bool:
            return True

    def check(fields: Fields) -> float:
        return fields.duration(Holder(), "hold", least_seconds=0.5, most_seconds=60, default_seconds=9)  # type: ignore[arg-type]

    if read is None:
        assert bad(check) == [("hold", "From 0.5 to 60 seconds.")]
    else:
        assert good(check) == read


def test_all_faults_are_told_by_their_paths() -> None:
    """Everything wrong with a nested request is told at once, and the request is not made."""
    made = []
    with pytest.raises(Malformed) as caught, Fields() as fields:
        fields.request_id("")
        for line, quantity in fields.each("lines", [1, 0, 2, -5], most=4):
            line.quantity("quantity", quantity)
            line.inner("product").identifier("sku", "x")
            line.inner("product").text("owner", "o" * 129, length_max=128)
        fields.unique("skus", ["a", "b", "a"])
        fields.refuse("mode", "Not with these lines.", "MODE")
        made.append(1 // 0)
    assert made == []
    assert [each.field for each in caught.value.violations] == [
        "request_id",
        "lines[0].product.owner",
        "lines[1].quantity",
        "lines[1].product.owner",
        "lines[2].product.owner",
        "lines[3].quantity",
        "lines[3].product.owner",
        "skus[2]",
        "mode",
    ]
    assert caught.value.violations[-1].reason == "MODE"


def test_accidents_are_not_hidden_where_nothing_is_wrong() -> None:
    """An accident in the block passes where every field is good."""
    with pytest.raises(ZeroDivisionError), Fields() as fields:
        fields.quantity("quantity", 1)
        _ = 1 // 0


def test_too_many_are_refused_unread() -> None:
    """A repeated field that is too long, or empty where it must not be, is refused by its number and not looked at."""
    assert bad(lambda fields: list(fields.each("lines", [0] * 501, most=500))) == [
        ("lines", "From 1 to 500 of them, not 501.")
    ]
    assert bad(lambda fields: list(fields.each("lines", [], most=500))) == [("lines", "Required.")]
    assert good(lambda fields: list(fields.each("lines", [], least=0, most=500))) == []
    assert bad(lambda fields: fields.identifiers("skus", ["a", "", "a"], most=3)) == [
        ("skus[1]", "Required."),
        ("skus[2]", "The same as skus[0]."),
    ]


def test_notes_are_bounded() -> None:
    """A request with a million bad fields is refused with the first hundred."""
    notes = bad(lambda fields: [fields.quantity(f"q[{index}]", 0) for index in range(1000)])
    assert len(notes) == VIOLATIONS_MAX


def test_optional_and_text_fields() -> None:
    """Optional identifiers may be empty; texts have their own length; required messages must be there."""
    assert good(lambda fields: fields.identifier("lot", "", optional=True)) == ""
    assert good(lambda fields: fields.text("note", "x" * 500, length_max=500)) == "x" * 500
    assert bad(lambda fields: fields.text("note", "", length_max=500, required=True)) == [("note", "Required.")]
    assert bad(lambda fields: fields.text("note", "x\x07", length_max=500)) == [("note", "No control characters.")]
    assert bad(lambda fields: fields.required(interval(), "start_time")) == [("start_time", "Required.")]
    assert good(lambda fields: fields.required(interval(start_time=Timestamp()), "start_time")) is None
