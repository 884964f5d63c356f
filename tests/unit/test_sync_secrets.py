"""How secrets are sealed, and where the keys come from."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.connections import key_line
from tests.kit.waiting import until
from weir_chassis.configuration.objects import Key
from weir_chassis.errors import DatabaseAway, Misconfigured
from weir_sync.domain.connections import Secret
from weir_sync.secrets import KeyFile, Keys, NotOpened, Place, Sealed
from weir_sync.worker.resealing import resealing

HERE = Place("acme", "web", "token")


def keys(*names: str) -> Keys:
    """Keys of these names, the oldest first."""
    return Keys({name: os.urandom(32) for name in names})


@given(st.text(max_size=100))
def test_what_is_sealed_is_opened(secret: str) -> None:
    """A secret comes back to the last letter, whichever key is the newest by then."""
    first = keys("a")
    sealed = first.seal(HERE, secret)
    later = Keys({**first.keys, "b": os.urandom(32)})
    assert (later.newest, sealed.key_id, later.open(HERE, sealed)) == ("b", "a", secret)


def test_a_seal_is_another_each_time() -> None:
    """Nobody sees that two secrets are the same, nor anything of one."""
    ring = keys("a")
    one, two = ring.seal(HERE, "canary"), ring.seal(HERE, "canary")
    assert one.text != two.text
    assert b"canary" not in base64.b64decode(one.text)


@pytest.mark.parametrize(
    "place", [Place("other", "web", "token"), Place("acme", "w", "token"), Place("acme", "web", "pin")]
)
def test_a_seal_holds_for_its_place_alone(place: Place) -> None:
    """Of another tenant or connection, or under another name, it is not opened."""
    ring = keys("a")
    with pytest.raises(NotOpened, match="not as it was sealed"):
        ring.open(place, ring.seal(HERE, "canary"))


def test_places_cannot_be_made_to_look_alike() -> None:
    """Where one name ends and the next begins is part of the place."""
    ring = keys("a")
    with pytest.raises(NotOpened):
        ring.open(Place("a", "bc", "d"), ring.seal(Place("ab", "c", "d"), "canary"))


def test_what_was_tampered_with_is_not_opened() -> None:
    """A letter changed, cut off or added, or no Base64 at all: it is refused, and the sentence tells nothing of it."""
    ring = keys("a")
    kept = base64.b64decode(ring.seal(HERE, "canary").text)
    tampered = [bytes([kept[0] ^ 1]) + kept[1:], kept[:-1], kept + b"x", b""]
    for text in (*(base64.b64encode(each).decode() for each in tampered), "?", "ä"):
        with pytest.raises(NotOpened) as refused:
            ring.open(HERE, Sealed("a", text))
        assert str(refused.value) == "The secret 'token' is not as it was sealed."


def test_without_its_key_nothing_is_opened() -> None:
    """The key that is gone is named; another key of its name opens nothing."""
    sealed = keys("a").seal(HERE, "canary")
    with pytest.raises(NotOpened, match="sealed by the key 'a', which is gone"):
        keys("b").open(HERE, sealed)
    with pytest.raises(NotOpened):
        keys("a").open(HERE, sealed)


def test_requests_are_known_again_by_the_oldest_key() -> None:
    """A request has one fingerprint while the oldest key is kept, which nobody makes without it."""
    ring = keys("a")
    more = Keys({**ring.keys, "b": os.urandom(32)})
    assert ring.fingerprint(b"request") == more.fingerprint(b"request")
    assert len({each.fingerprint(what) for each in (ring, keys("a")) for what in (b"request", b"other")}) == 4


def test_keys_do_not_show_themselves() -> None:
    """Keys that find their way into a log line show nothing."""
    assert "keys=" not in repr(keys("a"))


def test_the_last_key_of_the_file_seals(tmp_path: Path) -> None:
    """Lines that say nothing are let be; the keys are in the order of the lines."""
    file = tmp_path / "keys"
    file.write_text(f"# first\n{key_line('2026-01')}\n   \n{key_line('b')}# end")
    assert list(KeyFile(file).keys().keys) == ["2026-01", "b"]
    assert KeyFile(file).keys().newest == "b"


KEY = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds none"),
        ("# nothing\n", "holds none"),
        (f"a {KEY}\na {KEY}\n", "Line 2"),
        ("a\n", "Line 1"),
        (f"a {KEY} b\n", "Line 1"),
        (f"ä {KEY}\n", "Line 1"),
        (f"{'a' * 65} {KEY}\n", "Line 1"),
        (f"a {base64.b64encode(bytes(31)).decode()}\n", "Line 1"),
        ("a no-base64!\n", "Line 1"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    """Whoever starts sync with a bad file of keys is told the line, and not what is in it."""
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(Misconfigured, match=sentence) as refused:
        KeyFile(file)
    assert KEY not in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Neither a file that is not there nor one that is no text is taken."""
    with pytest.raises(Misconfigured, match="cannot be read"):
        KeyFile(tmp_path / "nowhere")
    (tmp_path / "keys").write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match="not text"):
        KeyFile(tmp_path / "keys")


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A key that is added is there at once; while the file is bad or gone, the keys stay as they were."""
    file, clock = tmp_path / "keys", itertools.count(1)

    def write(text: str) -> None:
        file.write_text(text)
        os.utime(file, (moment := next(clock), moment))  # whatever the clock of the file system can tell apart

    line = key_line("a")
    write(line)
    ring = KeyFile(file)
    assert ring.keys() is ring.keys()
    write(line + key_line("b"))
    assert ring.keys().newest == "b"
    write("nonsense")
    assert ring.keys().newest == "b"
    file.unlink()
    assert ring.keys().newest == "b"
    write(line)
    assert ring.keys().newest == "a"


class Kept:
    """Sealed secrets in memory: `Resealing`."""

    def __init__(self, *secrets: Secret) -> None:
        """Keep these; the first time that anybody asks nobody answers."""
        self.secrets = {each.key: each for each in secrets}
        self.asked = 0

    async def stale(self, tenant: str, key_id: str, *, after: Key, limit: int) -> Sequence[Secret]:
        """What another key sealed."""
        self.asked += 1
        if self.asked == 1:
            raise DatabaseAway
        found = [each for key, each in sorted(self.secrets.items()) if key > after and each.key_id != key_id]
        return found[:limit]

    async def reseal(self, tenant: str, before: Secret, after: Secret) -> bool:
        """Keep another seal."""
        self.secrets[after.key] = after
        return True


async def test_secrets_are_sealed_anew_unasked(tmp_path: Path) -> None:
    """Whatever older keys sealed is under the newest in the end, though the database was away for a while, and though
    one cannot be opened.
    """
    file = tmp_path / "keys"
    file.write_text(key_line("old") + key_line("new"))
    both = KeyFile(file).keys()
    old = Keys({"old": both.keys["old"]})
    sealed = old.seal(HERE, "canary")
    kept = Kept(Secret("web", "token", *sealed), Secret("web", "pin", "old", "?"))
    working = asyncio.create_task(resealing(kept, lambda: asyncio.sleep(0, ["acme"]), KeyFile(file), pause_seconds=0))
    try:
        await until(lambda: kept.secrets["web", "token"].key_id == "new")
    finally:
        working.cancel()
    assert both.open(HERE, Sealed("new", kept.secrets["web", "token"].sealed)) == "canary"
    assert kept.secrets["web", "pin"].sealed == "?"
