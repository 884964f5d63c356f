"""Generated networks and stock: small enough that everything meets everything."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from weir_allocation.network import Channel, Network
from weir_allocation.stock import EACH, Condition, Demand, Stock, StockItem

LOCATIONS = ("L0", "L1", "L2", "L3", "L4")
GROUPS = ("W0", "W1", "W2")
CHANNELS = ("C0", "C1", "C2", "C3")
CHANNEL_GROUPS = ("G0", "G1", "G2")
PRODUCTS = (("", "A"), ("", "B"), ("other", "A"))


@dataclass(frozen=True)
class Objects:
    """What a network is made of."""

    warehouse_groups: dict[str, tuple[str, ...]]
    channels: tuple[Channel, ...]
    links: tuple[tuple[str, str], ...]

    def network(self) -> Network:
        """The network of these objects."""
        return Network.of(warehouse_groups=self.warehouse_groups, channels=self.channels, links=self.links)


@st.composite
def objects(draw: st.DrawFn) -> Objects:
    """A network as the rules allow it: a location is in one group at most, a channel in exactly one."""
    home = draw(st.fixed_dictionaries({location: st.sampled_from((*GROUPS, None)) for location in LOCATIONS}))
    there = draw(st.lists(st.sampled_from(GROUPS), unique=True))
    names = draw(st.lists(st.sampled_from(CHANNELS), unique=True))
    channels = [Channel(name, draw(st.sampled_from(CHANNEL_GROUPS)), draw(st.integers(0, 4)) == 0) for name in names]
    links = draw(st.lists(st.tuples(st.sampled_from(GROUPS), st.sampled_from(CHANNEL_GROUPS)), unique=True))
    groups = {group: tuple(location for location in LOCATIONS if home[location] == group) for group in there}
    return Objects(groups, tuple(channels), tuple(links))


def items() -> st.SearchStrategy[StockItem]:
    """Stock items of a few products; most of the plain sort."""
    return st.builds(
        lambda product, *rest: StockItem(*product, *rest),
        st.sampled_from(PRODUCTS),
        st.sampled_from(LOCATIONS),
        st.sampled_from(("", "", "LOT1", "LOT2")),
        st.sampled_from((EACH, EACH, EACH, "CARTON")),
        st.sampled_from(("", "", "", "ann")),
        st.sampled_from((Condition.SELLABLE, Condition.SELLABLE, Condition.HOLD, Condition.DAMAGED)),
    )


def counts() -> st.SearchStrategy[tuple[int, int]]:
    """On hand and reserved; facts may have made the second the larger one."""
    units = st.one_of(st.integers(0, 5), st.integers(0, 10**9), st.just(4 * 10**15))
    return st.tuples(units, st.one_of(st.just(0), units))


def stock() -> st.SearchStrategy[list[Stock]]:
    """Stock of all products, one row a stock item."""
    return st.dictionaries(items(), counts(), max_size=12).map(
        lambda rows: [Stock(item, on_hand, reserved) for item, (on_hand, reserved) in rows.items()]
    )


def demands() -> st.SearchStrategy[Demand]:
    """Any lot or one, in either unit of measure."""
    return st.builds(Demand, st.sampled_from(("", "LOT1", "LOT3")), st.sampled_from((EACH, "CARTON")))
