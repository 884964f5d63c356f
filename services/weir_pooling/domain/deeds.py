"""What is to be done in the ledger for a request, written down before it is tried.

A request that moves units is carried out in three steps, each of which happens once however often it is tried: the
deed is written down with all that it will change here; the ledger does it, or refuses it for good, under the deed's
name; what came of it is written down, and the deed is gone. Whoever meets a deed that was left behind brings it to
its end in the same way. At most one is open for a subject.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from weir_chassis.configuration.objects import Configured
from weir_pooling.domain.people import Actor


class Condition(enum.StrEnum):
    """State of goods, in the words of the ledger."""

    SELLABLE = "SELLABLE"
    HOLD = "HOLD"
    DAMAGED = "DAMAGED"


class Item(NamedTuple):
    """A stock item of the ledger."""

    owner: str
    sku: str
    location: str
    lot: str
    uom: str
    custodian: str
    condition: Condition = Condition.SELLABLE


class Work(enum.StrEnum):
    """What the ledger is asked to do."""

    PROMISE = "PROMISE"
    """Reserve the units of all lines, and confirm."""
    MOVE = "MOVE"
    """Move promised units of `reservation` to the destinations, by line of it."""
    GIVE_UP = "GIVE_UP"
    """Give up promised units of `reservation`, by line of it; with no portions all that are."""
    TAKE = "TAKE"
    """Move units that nobody was promised to the destinations."""
    STOCK = "STOCK"
    """The same, to facilities."""
    RETURN = "RETURN"
    """Move units, which are not sellable, to the destinations."""
    CONSUME = "CONSUME"
    """Use up units that nobody was promised."""
    RESTORE = "RESTORE"
    """Put back units that had been used up."""


class Portion(NamedTuple):
    """Units of a stock item, where they go, now or once promised units move, and the line of a reservation that
    promises or promised them; 0 for none.
    """

    item: Item
    quantity: int
    destination: Item | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Deed(Configured):
    """Something that the ledger shall do.

    `subject` is what it is about, as in `transfer/0199...` or `case/0199...`; `action` the rpc that asked for it;
    `things` are the identifiers of what it concerns, in the order of the portions where there is one for each;
    `words` what was said with it. Nobody asks for a deed by its name, so none is ever missing or taken.
    """

    identity = ("deed",)

    deed: str
    subject: str
    action: str
    work: Work
    portions: tuple[Portion, ...]
    by: Actor
    at: datetime
    reservation: str = ""
    things: tuple[str, ...] = ()
    words: str = ""
