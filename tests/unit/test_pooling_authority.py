"""Who sees what and who may do what for whom, as whole tables: every caller, every person, the switch on and off."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from weir_chassis.errors import Refusal
from weir_pooling.domain import authority
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.people import Actor, Pool, UserRole

POOLS = (("north", "hub", ("ann", "bob")), ("south", "hub2", ("cid",)))
ROLES = {"boss": UserRole.ADMINISTRATOR, "hub": UserRole.DISTRIBUTOR, "hub2": UserRole.DISTRIBUTOR}
"""The others are reps; `lone` is in no pool."""

# `a` acts for, `s` sees while the switch is on, `n` knows of and no more, `.` for him there is no such person
TABLE = """
        boss  hub   ann   bob   hub2  cid   lone
boss    a     a     a     a     a     a     a
hub     .     a     a     a     .     .     .
ann     .     s     a     n     .     .     .
bob     .     s     n     a     .     .     .
hub2    .     .     .     .     a     a     .
cid     .     .     .     .     s     a     .
lone    .     .     .     .     .     .     a
"""
# `x` may, `o` may while the switch is on, `-` may not, `.` for him there is no such person; from left to right
SENDING = """
        hub>ann  hub>bob  ann>hub  ann>bob  bob>hub  bob>ann  hub>cid  cid>hub  ann>lone lone>ann hub2>cid cid>hub2
boss    x        x        x        x        x        x        x        x        x        x        x        x
hub     x        x        x        x        x        x        .        .        .        .        .        .
ann     o        -        x        x        -        -        .        .        .        .        .        .
bob     -        o        -        -        x        x        .        .        .        .        .        .
hub2    .        .        .        .        .        .        .        .        .        .        x        x
cid     .        .        .        .        .        .        .        .        .        .        o        x
lone    .        .        .        .        .        .        .        .        .        .        .        .
"""
RECEIVING = """
        hub>ann  hub>bob  ann>hub  ann>bob  bob>hub  bob>ann  hub>cid  hub>lone hub2>cid cid>hub2 boss>ann
boss    x        x        x        x        x        x        x        x        x        x        -
hub     -        -        x        x        x        x        .        .        .        .        x
ann     x        -        -        -        -        x        .        .        .        .        x
bob     -        x        -        x        -        -        .        .        .        .        -
hub2    .        .        .        .        .        .        x        .        -        x        .
cid     .        .        .        .        .        .        x        .        x        -        .
lone    .        .        .        .        .        .        .        x        .        .        .
"""


def rows(table: str) -> dict[tuple[str, str], str]:
    """The cells of a table by caller and column."""
    head, *lines = [line.split() for line in table.strip().splitlines()]
    return {(line[0], name): cell for line in lines for name, cell in zip(head, line[1:], strict=True)}


def standing(user: str, *, on: bool = False) -> Standing:
    """Where one of them stands, with the switch of both pools on or off."""
    pools = [Pool(name, hub, "", members, on) for name, hub, members in POOLS]
    pool = next((each for each in pools if user in each.persons), None)
    return Standing(user, ROLES.get(user, UserRole.REP), pool)


def cell(ask: Callable[[], object]) -> str:
    """What comes of asking, as the tables have it."""
    try:
        ask()
    except Refusal as refusal:
        return {"USER_NOT_FOUND": ".", "AUTHORITY_INSUFFICIENT": "-"}[refusal.reason]
    return "x"


def switched(expected: str, *, on: bool) -> str:
    """A cell that depends on the switch, with the switch as it is."""
    return {True: "x", False: "-"}[on] if expected == "o" else expected


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize(("who", "other", "letter"), [(*names, letter) for names, letter in rows(TABLE).items()])
def test_who_sees_and_acts_for_whom(who: str, other: str, letter: str, on: bool) -> None:
    """Everybody knows of, sees, and acts for exactly those of the table, whatever he asks it by."""
    caller = standing(who, on=on)
    assert caller.names(other) is (letter != ".")
    assert caller.acts_for(other) is (letter == "a")
    assert caller.shares(other) is (letter == "s" and on)
    assert caller.sees(other) is (letter == "a" or (letter == "s" and on))
    assert (caller.entitled is None or other in caller.entitled) is (letter == "a")
    assert cell(lambda: caller.actor(other, "do")) == {"a": "x", ".": "."}.get(letter, "-")
    assert cell(lambda: caller.administering(other, "do")) == ("x" if who == "boss" else "-")


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize(("who", "pair", "letter"), [(*names, letter) for names, letter in rows(SENDING).items()])
def test_who_sends(who: str, pair: str, letter: str, on: bool) -> None:
    """Goods are sent by whoever acts for the sender; and a member asks for those of the hub for himself, while the
    switch is on."""
    sender, recipient = pair.split(">")
    assert cell(lambda: standing(who, on=on).sending(sender, recipient, "send")) == switched(letter, on=on)


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize(("who", "pair", "letter"), [(*names, letter) for names, letter in rows(RECEIVING).items()])
def test_who_receives(who: str, pair: str, letter: str, on: bool) -> None:
    """Goods are taken by whoever acts for the recipient, and never by him who sends them, whoever he is; the switch has
    no say."""
    sender, recipient = pair.split(">")
    assert cell(lambda: standing(who, on=on).receiving(sender, recipient, "accept")) == letter


def test_the_record_says_both_names() -> None:
    """Whoever acts for another is named beside him: in what is done for oneself both are the same."""
    assert standing("hub").sending("ann", "bob", "send") == Actor("hub", "ann")
    assert standing("hub").receiving("ann", "bob", "accept") == Actor("hub", "bob")
    assert standing("ann", on=True).sending("hub", "ann", "send") == Actor("ann", "ann")
    assert standing("ann").actor("ann", "do") == Actor("ann", "ann")
    assert standing("boss").actor("cid", "do") == Actor("boss", "cid")


def test_a_refusal_names_who_for_whom_and_what() -> None:
    """A refusal tells who asked, for whom, and what; of who does not exist for the caller no more than that."""
    with pytest.raises(Refusal) as forbidden:
        standing("ann").actor("hub", "MarkUsed")
    assert forbidden.value.metadata == {"user": "ann", "acting_for": "hub", "action": "MarkUsed"}
    with pytest.raises(Refusal) as absent:
        standing("ann").sending("ann", "cid", "RequestTransfer")
    assert absent.value.metadata == {"user": "cid"}


@pytest.mark.parametrize(
    ("who", "users", "pools"),
    [
        ("boss", None, None),
        ("hub", {"hub", "ann", "bob"}, "hub"),
        ("ann", {"hub", "ann", "bob"}, "ann"),
        ("lone", {"lone"}, "lone"),
    ],
)
def test_lists_are_narrowed(who: str, users: set[str] | None, pools: str | None) -> None:
    """An administrator lists all persons and pools, others those of their own pool; what was asked for is still
    asked for."""
    asked: Mapping[str, str] = {"role": "REP"}
    found = {**asked} if users is None else {**asked, "user": frozenset(users)}
    assert authority.users(standing(who), asked) == found
    assert authority.pools(standing(who), {}) == ({} if pools is None else {"person": pools})


def test_custody_is_narrowed_to_whom_one_acts_for() -> None:
    """What lists by custodian shows the custody of those for whom the caller acts; of another nothing."""
    assert authority.custodians(standing("boss"), {"custodian": "cid"}) == {"custodian": "cid"}
    assert authority.custodians(standing("hub"), {}) == {"custodian": frozenset({"hub", "ann", "bob"})}
    assert authority.custodians(standing("hub"), {"custodian": "ann"}) == {"custodian": frozenset({"ann"})}
    assert authority.custodians(standing("ann"), {"custodian": "hub"}) == {"custodian": frozenset()}
