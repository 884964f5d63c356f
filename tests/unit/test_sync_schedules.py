"""When schedules are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_sync.domain.connections import Schedule
from weir_sync.domain.schedules import cron_fault, next_time, zone_fault


def at(said: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


def by_clock(cron: str, zone: str = "", *, count: int, since: str) -> list[str]:
    """The next times that are due by the clock."""
    schedule, now, found = Schedule("web", "nightly", cron=cron, time_zone=zone), at(since), []
    for _ in range(count):
        due = next_time(schedule, now, now)
        assert due is not None
        assert due.tzinfo is UTC
        found.append(due.strftime("%d %H:%M"))
        now = due
    return found


def every(seconds: int, due: str, now: str) -> datetime | None:
    """The next time of what is due every so often."""
    return next_time(Schedule("web", "often", interval_seconds=seconds), at(due), at(now))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-01 10:00:00", "2026-01-01 10:15:00"),
        ("2026-01-01 10:00:01", "2026-01-01 10:15:00"),
        ("2026-01-01 10:14:59", "2026-01-01 10:15:00"),
        ("2026-01-01 10:15:00", "2026-01-01 10:30:00"),
        ("2026-01-01 18:07:00", "2026-01-01 18:15:00"),
        ("2026-01-01 09:00:00", "2026-01-01 10:15:00"),
    ],
)
def test_what_is_due_every_so_often_keeps_its_beat(now: str, expected: str) -> None:
    """The next time is a whole number of intervals after the one that was due, however late it is, and after now; a
    clock that was set back makes none that was due already."""
    assert every(900, "2026-01-01 10:00:00", now) == at(expected)


@given(st.integers(60, 2_592_000), st.integers(0, 10**8))
def test_many_missed_times_are_one(seconds: int, late: int) -> None:
    """However long nobody looked, the next time lies in the future, and within one interval."""
    due = at("2026-01-01 00:00:00")
    now = due + timedelta(seconds=late)
    found = next_time(Schedule("web", "often", interval_seconds=seconds), due, now)
    assert found is not None
    assert now < found <= now + timedelta(seconds=seconds)


def test_the_clock_is_that_of_the_zone() -> None:
    """Half past two in the night of Berlin is another instant in winter than in summer."""
    assert by_clock("30 2 * * *", "Europe/Berlin", count=1, since="2026-01-10 12:00") == ["11 01:30"]
    assert by_clock("30 2 * * *", "Europe/Berlin", count=1, since="2026-07-10 12:00") == ["11 00:30"]
    assert by_clock("30 2 * * *", count=1, since="2026-07-10 12:00") == ["11 02:30"]


def test_an_hour_that_is_left_out_is_made_up_right_after_it() -> None:
    """On the 29th of March 2026 there is no half past two in Berlin: what was due then is due at three, once."""
    assert by_clock("30 2 * * *", "Europe/Berlin", count=3, since="2026-03-28 00:00") == [
        "28 01:30",
        "29 01:00",
        "30 00:30",
    ]


def test_an_hour_that_comes_twice_is_due_once() -> None:
    """On the 25th of October 2026 half past two comes twice in Berlin: what is due then is due at the first."""
    assert by_clock("30 2 * * *", "Europe/Berlin", count=3, since="2026-10-24 00:00") == [
        "24 00:30",
        "25 00:30",
        "26 01:30",
    ]


def test_minutes_go_on_through_both_hours() -> None:
    """What is due every half hour is so in the hour that comes twice, too, and skips none when one is left out."""
    assert by_clock("*/30 * * * *", "Europe/Berlin", count=5, since="2026-10-24 23:59") == [
        "25 00:00",
        "25 00:30",
        "25 01:00",
        "25 01:30",
        "25 02:00",
    ]
    assert by_clock("*/30 * * * *", "Europe/Berlin", count=3, since="2026-03-29 00:29") == [
        "29 00:30",
        "29 01:00",
        "29 01:30",
    ]


@pytest.mark.parametrize(
    "cron", ["* * * * *", "0 3 * * 1-5", "*/15 8-18 * * MON", "0 0 1 */3 *", "0 0 29 2 *", "5 0 L * *"]
)
def test_times_by_the_clock_are_taken(cron: str) -> None:
    """What cron has is understood."""
    assert cron_fault(cron) is None


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "0 0 3 * * *", "60 * * * *", "0 24 * * *", "a * * * *", "0 0 30 2 *", "0 0 * * 8", "@daily"]
)
def test_what_is_no_time_is_refused(cron: str) -> None:
    """What nobody can keep to is told in a sentence: seconds, words, days that never come."""
    fault = cron_fault(cron)
    assert fault is not None
    assert fault.endswith(".")


@given(st.text("0123456789*/-,LW#MONJA ", max_size=128) | st.text(max_size=128))
def test_whatever_is_said_is_taken_or_refused(cron: str) -> None:
    """No text makes an accident; what is taken has a next time."""
    if cron_fault(cron) is None:
        now = at("2026-01-01 00:00")
        assert next_time(Schedule("web", "odd", cron=cron), now, now) is not None


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])
def test_zones_are_known(zone: str) -> None:
    """A zone is named as in the database of zones."""
    assert zone_fault(zone) is None


@pytest.mark.parametrize("zone", ["", "Berlin", "Europe", "../../etc/passwd", "/etc/localtime", "Europe/\0", "x" * 64])
def test_no_other_zones_are(zone: str) -> None:
    """What is no zone is refused, and reads no file elsewhere."""
    assert zone_fault(zone) is not None
