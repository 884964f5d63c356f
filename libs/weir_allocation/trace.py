"""The steps of a computation: what went in, what came out, and why.

These laws hold for every step, and a caller may rely on them:

* a step made of others takes in what they let out: `units_in` is the sum of their `units_out`. Two differ: an ASSEMBLY
  takes in the least of them, for a bundle is as many as its scarcest part allows; and what a step of OFFER is made of
  are rules, which move no units, nor do the steps of REACH;
* a step lets out no more than it took in, unless a rule adds to it: a rate above 100 % or a constant; nor less than
  nothing, unless the constant takes more than there is, which CAP mends;
* in SUPPLY and SPLIT a step lets out nothing unless its verdict is one of COUNTED, COUNTED_ONCE, LATE, SUM,
  DIVIDED, BALANCED and HELD_BACK.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weir_allocation.stock import Product, StockItem


class Stage(enum.Enum):
    """Part of the pipeline, in the order of the pipeline."""

    REACH = enum.auto()
    SUPPLY = enum.auto()
    SPLIT = enum.auto()
    OFFER = enum.auto()
    CAP = enum.auto()


class Verdict(enum.Enum):
    """Why something counted or did not."""

    SUM = enum.auto()
    """The step only sums up others."""
    COUNTED = enum.auto()
    NOT_GROUPED = enum.auto()
    """The location is in no warehouse group."""
    NOT_LINKED = enum.auto()
    """The warehouse group of the location does not feed the channel group."""
    NOT_SELLABLE = enum.auto()
    """The goods are under review or damaged."""
    IN_CUSTODY = enum.auto()
    """The goods are in a person's custody."""
    OTHER_LOT = enum.auto()
    OTHER_UOM = enum.auto()
    ALL_RESERVED = enum.auto()
    """Units lie there, and every one is promised."""
    EMPTY = enum.auto()
    """Nothing lies there."""
    BY_CUSTODY = enum.auto()
    """The channel is reached by custody, not by groups."""
    EXPIRED = enum.auto()
    """The last day of the lot is over."""
    OUTSIDE_RULE = enum.auto()
    """The sync rule that wins for the product names warehouses, and not this one."""

    OTHER_WAREHOUSE = enum.auto()
    """The source lies where the demand is not served from, or where the link does not lend."""
    LOT_MISMATCH = enum.auto()
    """The lot asked for is not the source's; a bundle put together is of no lot."""
    UOM_MISMATCH = enum.auto()
    """The unit of measure asked for is not the source's; a bundle is put together in EACH."""
    BUNDLE_SHARING_OFF = enum.auto()
    """Both are parent bundles, and the link's bundle flag is off."""
    BUNDLE_KIND_MISMATCH = enum.auto()
    """One is a bundle and the other is not."""
    LINK_INACTIVE = enum.auto()
    KEPT_BACK = enum.auto()
    """All units stay with the source."""
    BUNDLE_NESTED = enum.auto()
    """A component is a bundle itself."""
    COUNTED_ONCE = enum.auto()
    """It counted, but components draw on the same stock, whose units count once."""

    DIVIDED = enum.auto()
    """A policy divides the supply, and this is the share of the channel group."""
    NOT_NAMED = enum.auto()
    """The policy divides among other channel groups."""
    NOT_SOLD = enum.auto()
    """No channel of the group sells the product."""
    HELD_BACK = enum.auto()
    """Units that the policy gives to nobody."""

    WON = enum.auto()
    """The first rule that names the product."""
    OUTRANKED = enum.auto()
    """A rule that names the product, but comes later."""
    OFFERED = enum.auto()
    """What the rule makes of the share."""
    BELOW_THRESHOLD = enum.auto()
    """The supply of the rule is below its stock threshold."""
    KEPT_FOR_PRIORITY_STORE = enum.auto()
    """The supply of the rule is below what keeps it for its priority store."""
    NOT_UPDATED = enum.auto()
    """The rule does not name the store: it is told nothing."""

    LIMITED = enum.auto()
    """The most the store may be told, or the least: 0."""
    DENIED = enum.auto()
    """The store does not sell the product: it is told nothing."""

    EXCLUDED = enum.auto()
    """The order is not to be sent from the location."""
    OWN_STOCK_ONLY = enum.auto()
    """The order takes nothing that links lend."""
    LOCATIONS_EXHAUSTED = enum.auto()
    """As many locations send as the order allows."""
    ONE_LOCATION = enum.auto()
    """The line is wanted from one location, and no single one has all of it."""
    TAKEN = enum.auto()
    """Other lines of the order take the units."""
    AWAITED = enum.auto()
    """The units are for orders that wait."""
    ORDER_INCOMPLETE = enum.auto()
    """There would be units, but the order is wanted whole and other lines of it cannot be filled."""

    BALANCED = enum.auto()
    """A policy divided the supply at an instant, and this is what the channel group has left of its share."""
    SHARE_SPENT = enum.auto()
    """The channel group has spent its share; what is left is for others."""

    HUB_ACCESS_ON = enum.auto()
    """The hub of the pool has opened its stock to members: what is in its custody counts."""
    HUB_ACCESS_OFF = enum.auto()
    """It has not, or there is no pool."""

    LATE = enum.auto()
    """The warehouse of the location has not reported in time: only a part of what lies there counts."""


class Subject(enum.Enum):
    """Sort of thing a step is about."""

    CHANNEL = enum.auto()
    WAREHOUSE_GROUP = enum.auto()
    LOCATION = enum.auto()
    PRODUCT = enum.auto()
    STOCK_ITEM = enum.auto()
    LINK = enum.auto()
    """What one source lends."""
    ASSEMBLY = enum.auto()
    """Bundles that can be put together."""
    COMPONENT = enum.auto()
    CHANNEL_GROUP = enum.auto()
    POLICY = enum.auto()
    RULE = enum.auto()
    CUSTODIAN = enum.auto()
    """A person in whose custody goods are."""


Terms = tuple[tuple[str, int], ...]
"""Numbers by name, each name ending in its unit."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and the steps it is made of, in their order."""

    stage: Stage
    subject: Subject
    name: str
    """Identifier of the subject; of a stock item its location."""
    verdict: Verdict
    units_in: int = 0
    units_out: int = 0
    item: StockItem | None = None
    """The stock item the step is about, if it is about one."""
    steps: tuple[Step, ...] = ()
    product: Product | None = None
    """The source of a LINK, and the product of an ASSEMBLY or a COMPONENT."""
    terms: Terms = ()
    """The numbers of what is configured that went into the step."""

    def term(self, name: str) -> int:
        """One of the terms; raises KeyError where the step has none of that name."""
        return dict(self.terms)[name]
