"""The plan of one run, drawn from its seed: what every client does and what goes wrong when.

Nothing else is drawn by chance while it runs, but for how long the network takes. What depends on answers, such as
which reservation is confirmed, is planned as a draw from what is known by then.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.wishes import Wish, wish

PATIENCE_SECONDS = 1.5
INSIST_SECONDS = 60.0
CLIENTS = 48
STEPS = 12
ENDERS = ("Confirm", "Extend", "Fulfil", "Transfer", "Release", "MarkHandedOver", "Amend")


class Manner(enum.Enum):
    """How a client goes about a step."""

    PLAIN = "ask"
    DOOMED = "die before the answer"
    DOUBLED = "ask twice at once"
    DOUBLED_OTHERWISE = "ask twice at once, the second time with other contents"
    AGAIN = "ask again what somebody asked before"
    AGAIN_OTHERWISE = "ask with other contents under an earlier name"
    ONLY_ASKING = "ask what would happen"
    AS_IT_EXPIRES = "ask at the moment that a hold runs out"


MANNERS = {
    Manner.PLAIN: 61,
    Manner.DOOMED: 6,
    Manner.DOUBLED: 5,
    Manner.DOUBLED_OTHERWISE: 3,
    Manner.AGAIN: 6,
    Manner.AGAIN_OTHERWISE: 5,
    Manner.ONLY_ASKING: 4,
    Manner.AS_IT_EXPIRES: 10,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a client does. `draw` picks from what is known, `seconds` is for manners that have to do with time."""

    wish: Wish
    manner: Manner
    ledger: int
    draw: float
    seconds: float
    stubborn: bool
    """Whether it asks on until it has an answer."""


class What(enum.Enum):
    """What can go wrong."""

    LEDGER = "kill -9 of a ledger"
    POSTGRES = "kill -9 of Postgres"
    BOTH = "kill -9 of a ledger and of Postgres"
    CUT = "the connections of a ledger to Postgres are cut"
    SLOW = "the network takes up to so many milliseconds each way"


KILLS = {What.LEDGER: 1, What.POSTGRES: 1, What.BOTH: 2}
"""How many of the parts are killed by what."""


@dataclass(frozen=True, slots=True)
class Misfortune:
    """What goes wrong once `share` of all steps are done; `value` is the ledger, or the milliseconds."""

    share: float
    what: What
    value: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run."""

    seed: int
    clients: Sequence[Sequence[Step]]
    misfortunes: Sequence[Misfortune]
    patience_seconds: float
    """How long a client waits for a hold to run out."""
    insist_seconds: float
    """How long an outcome that nobody knows is asked for."""

    @property
    def steps(self) -> int:
        """Steps of all clients together."""
        return sum(map(len, self.clients))


def drawn(
    seed: int,
    *,
    clients: int = CLIENTS,
    steps: int = STEPS,
    misfortunes: Sequence[Misfortune] | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
    insist_seconds: float = INSIST_SECONDS,
) -> Plan:
    """The plan of a seed; `misfortunes` replace those that the seed has."""
    return Plan(
        seed,
        [[_step(random.Random(f"{seed} {client} {step}")) for step in range(steps)] for client in range(clients)],
        _misfortunes(random.Random(f"misfortunes {seed}")) if misfortunes is None else misfortunes,
        patience_seconds,
        insist_seconds,
    )


def _step(chance: random.Random) -> Step:
    """Any step."""
    method, request = wish(chance)
    manner = chance.choices(list(MANNERS), list(MANNERS.values()))[0]
    while manner is Manner.AS_IT_EXPIRES and method not in ENDERS:
        method, request = wish(chance)
    _forget_name(request)
    if not hasattr(request, "request_id"):
        manner = Manner.PLAIN
    longest = 0.04 if manner is Manner.DOOMED else 0.03
    return Step((method, request), manner, chance.randrange(2), chance.random(), chance.uniform(0.0, longest),
                chance.random() < 0.7)  # fmt: skip


def _forget_name(request: Any) -> None:
    """Leave the naming of the attempt to the client."""
    if hasattr(request, "request_id"):
        request.request_id = ""


def _misfortunes(chance: random.Random) -> list[Misfortune]:
    """One kill or two, cuts, and a network whose speed changes."""
    drawn = [Misfortune(0.0, What.SLOW, chance.choice((2, 4, 6)))]
    drawn += [Misfortune(chance.uniform(0.1, 0.9), What.CUT, chance.randrange(2)) for _ in range(chance.randint(0, 2))]
    for share in ((0.25, 0.45), (0.55, 0.8))[: chance.choice((1, 1, 2))]:
        what = chance.choices(list(KILLS), (5, 4, 1))[0]
        drawn.append(Misfortune(chance.uniform(*share), what, chance.randrange(2)))
    slowest = chance.uniform(0.2, 0.8)
    drawn += [Misfortune(slowest, What.SLOW, 20), Misfortune(slowest + 0.06, What.SLOW, chance.choice((0, 2, 4)))]
    return sorted(drawn, key=lambda each: each.share)
