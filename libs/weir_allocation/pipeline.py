"""From shelf to store: the stages in their order, for one product in one channel.

A later stage takes the step before it and adds its own; the level is what the last one lets out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from weir_allocation.network import Channel, Network
from weir_allocation.reach import reach
from weir_allocation.stock import Demand, Stock
from weir_allocation.supply import supply
from weir_allocation.trace import Step


@dataclass(frozen=True, slots=True)
class Trace:
    """A computed level, and how it came about."""

    level: int
    """Units the channel may sell; never negative."""
    supply: int
    """Units that the locations reached hold for the product; never negative."""
    steps: tuple[Step, ...]
    """The stages in their order."""


def trace(network: Network, channel: Channel, sku: str, stock: Iterable[Stock], demand: Demand) -> Trace:
    """Compute what a channel may sell of the product that all of `stock` is of."""
    reached = reach(network, channel)
    supplied = supply(sku, reached, stock, demand)
    return Trace(level=supplied.units_out, supply=supplied.units_out, steps=(reached.step, supplied))
