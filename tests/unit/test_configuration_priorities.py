"""What is tried in an order: where a new object goes, what a new order changes, and what each refusal tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from weir_chassis.configuration import priorities
from weir_chassis.configuration.errors import Missing, Taken
from weir_chassis.configuration.objects import Decision
from weir_chassis.configuration.priorities import (
    PRIORITY_MAX,
    Exhausted,
    OrderIncomplete,
    Place,
    PriorityTaken,
    Ranked,
    TooLarge,
    create_ranked,
    reorder_ranked,
    update_ranked,
)
from weir_chassis.configuration.rules import stamped
from weir_chassis.errors import EtagStale, Kind, Malformed, Refusal
from weir_chassis.settings import ClientSettings, ServerSettings


class SongMissing(Missing):
    """No such song."""

    reason, thing = "SONG_MISSING", "song"


class SongTaken(Taken):
    """There is such a song."""

    reason, thing = "SONG_TAKEN", "song"


class SongPriorityTaken(PriorityTaken):
    """Another song is played in this place."""

    reason, thing = "SONG_PRIORITY_TAKEN", "song"


class SongOrderIncomplete(OrderIncomplete):
    """These are not all songs."""

    reason, thing = "SONG_ORDER_INCOMPLETE", "song"


class SongsExhausted(Exhausted):
    """There are enough songs."""

    reason, things = "SONGS_EXHAUSTED", "songs"


class SongsTooLarge(TooLarge):
    """The songs are too long."""

    reason, things = "SONGS_TOO_LARGE", "songs"


@dataclass(frozen=True, slots=True)
class Song(Ranked):
    """Something that has a place in an order."""

    identity = ("song",)
    missing = SongMissing
    taken = SongTaken
    priority_taken = SongPriorityTaken
    order_incomplete = SongOrderIncomplete
    exhausted = SongsExhausted
    too_large = SongsTooLarge

    song: str
    text: str = ""


A, B, C = (Song(name, priority=place, etag=str(place)) for name, place in (("a", 5), ("b", 7), ("c", 6)))
THERE = [A, B, C]


def created(song: Song, there: list[Song], most: int = 9) -> Song:
    """The song as it would be added; its change is all that changes."""
    decision = create_ranked(song, there, most=most)
    (change,) = decision.changes
    assert change.object == decision.object
    return decision.object


@pytest.mark.parametrize(
    ("asked", "there", "priority"),
    [(0, [], 1), (0, THERE, 8), (1, THERE, 1), (8, THERE, 8), (9, THERE, 9), (PRIORITY_MAX, THERE, PRIORITY_MAX)],
)
def test_a_new_one_goes_where_it_is_told_or_last(asked: int, there: list[Song], priority: int) -> None:
    """Without a priority it comes one after the last, with one it comes just there, whatever gaps that leaves."""
    assert created(Song("new", priority=asked), there).priority == priority


def refused(asking: Any) -> Refusal:
    """The refusal that a decision ends with."""
    with pytest.raises(Refusal) as refusal:
        asking()
    return refusal.value


def test_each_refusal_says_why() -> None:
    """The reason, what to do about it, and its numbers."""
    last = Song("last", priority=PRIORITY_MAX)
    told = [
        (refusal.kind, refusal.reason, refusal.metadata)
        for refusal in (
            refused(lambda: create_ranked(replace(A, priority=1), THERE, most=9)),
            refused(lambda: create_ranked(Song("new", priority=6), THERE, most=9)),
            refused(lambda: create_ranked(Song("new"), THERE, most=3)),
            refused(lambda: create_ranked(Song("new"), [last], most=9)),
            refused(lambda: update_ranked(Song("new"), THERE)),
            refused(lambda: update_ranked(replace(A, priority=7), THERE)),
            refused(lambda: update_ranked(replace(A, etag="4"), THERE)),
        )
    ]
    assert told == [
        (Kind.TAKEN, "SONG_TAKEN", {"song": "a"}),
        (Kind.TAKEN, "SONG_PRIORITY_TAKEN", {"priority": "6", "song": "c"}),
        (Kind.EXHAUSTED, "SONGS_EXHAUSTED", {"limit": "3"}),
        (Kind.MALFORMED, Malformed.reason, {}),
        (Kind.UNKNOWN, "SONG_MISSING", {"song": "new"}),
        (Kind.TAKEN, "SONG_PRIORITY_TAKEN", {"priority": "7", "song": "b"}),
        (Kind.RACED, EtagStale.reason, {"current": "5"}),
    ]


def test_nothing_comes_after_the_last_priority_there_is() -> None:
    """Whoever then names none hears that it must name one."""
    told = refused(lambda: create_ranked(Song("new"), [Song("last", priority=PRIORITY_MAX)], most=9))
    assert [each.field for each in told.violations] == ["song.priority"]


def test_a_change_leaves_an_object_in_its_place() -> None:
    """Unless it names another one; and what is as it was changes nothing."""
    assert update_ranked(Song("a", "new"), THERE).object == Song("a", "new", priority=5)
    assert update_ranked(Song("a", priority=1), THERE).object.priority == 1
    assert update_ranked(Song("a"), THERE) == Decision(A)
    assert update_ranked(replace(A), THERE) == Decision(A)


@pytest.mark.parametrize(
    ("names", "moved"),
    [
        ("acb", [("a", 1), ("c", 2), ("b", 3)]),
        ("bca", [("b", 1), ("c", 2), ("a", 3)]),
    ],
)
def test_an_order_is_given_at_once(names: str, moved: list[tuple[str, int]]) -> None:
    """All get the priorities 1, 2, 3 in the order named, and it tells what each became when the revision is drawn."""
    decision = stamped(reorder_ranked(Song, list(names), THERE), 9)
    assert decision.object.moved == tuple(Place(name, priority, "9") for name, priority in moved)
    songs = [change.object for change in decision.changes]
    assert [(each.key, each.etag) for each in songs] == [((name,), "9") for name, _ in moved]
    assert songs[0] == replace(B if moved[0][0] == "b" else A, priority=1)


def test_an_order_changes_only_what_moves() -> None:
    """What stands in its place already keeps its version; an order that is there already changes nothing."""
    there = [Song("a", priority=1), Song("b", priority=3), Song("c", priority=2)]
    assert [each.name for each in reorder_ranked(Song, ["a", "b", "c"], there).object.moved] == ["b", "c"]
    assert reorder_ranked(Song, ["a", "c", "b"], there).changes == ()


@pytest.mark.parametrize(
    ("names", "missing", "unknown"),
    [("ab", "c", ""), ("abcd", "", "d"), ("xya", "b, c", "x, y"), ("x", "a, b, c", "x")],
)
def test_an_order_names_all_there_are(names: str, missing: str, unknown: str) -> None:
    """Those left out and those that are not there are named."""
    told = refused(lambda: reorder_ranked(Song, list(names), THERE))
    assert (told.kind, told.reason) == (Kind.UNMET, "SONG_ORDER_INCOMPLETE")
    assert told.metadata == {"missing": missing, "unknown": unknown}


def test_an_order_that_is_far_off_is_refused_in_few_words() -> None:
    """Of many left out the first ten are named, and how many more there are."""
    there = [Song(f"{number:03}", priority=number + 1) for number in range(200)]
    told = refused(lambda: reorder_ranked(Song, [f"{number:02}" + "😀" * 126 for number in range(12)], there))
    assert told.metadata["missing"].startswith("000, 001, 002")
    assert told.metadata["missing"].endswith(" and 190 more")
    assert [each.field for each in told.violations] == list(told.metadata.values())
    assert len(msgspec.json.encode(told.to_record())) < 6144


def test_all_together_fit_into_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would make all of them larger than the limit is refused with both numbers; what replaces as much is not."""
    there = [Song("a", "x" * 400, priority=1), Song("b", "x" * 400, priority=2)]
    monkeypatch.setattr(priorities, "SIZE_MAX", 1000)
    told = refused(lambda: create_ranked(Song("c", "x" * 200), there, most=9))
    assert (told.kind, told.reason, told.metadata["limit"]) == (Kind.EXHAUSTED, "SONGS_TOO_LARGE", "1000")
    assert int(told.metadata["size"]) > 1000
    assert refused(lambda: update_ranked(Song("a", "x" * 600), there)).reason == "SONGS_TOO_LARGE"
    assert created(Song("c"), there).priority == 3
    assert update_ranked(Song("a", "y" * 400), there).object.text == "y" * 400


def test_the_limit_of_all_is_half_of_what_a_message_may_hold() -> None:
    """What is stored as so many bytes is told in few more, to a client as the suite has them."""
    assert min(ServerSettings().sent_bytes_max, ClientSettings().message_bytes_max) >= 2 * priorities.SIZE_MAX
