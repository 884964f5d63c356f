"""The last stage: what a store is told at most, and whether it is told at all."""

from __future__ import annotations

from weir_allocation.rules import Limits
from weir_allocation.stock import Product
from weir_allocation.trace import Stage, Step, Subject, Verdict


def cap(limits: Limits, channel: str, product: Product, offered: int) -> Step:
    """The level: what is offered, but no more than the store's limit and never below 0; DENIED where it does not
    sell.
    """
    most = offered if limits.max_quantity is None else limits.max_quantity
    units = max(0, min(offered, most))
    if not limits.permit(product):
        units, verdict = 0, Verdict.DENIED
    else:
        verdict = Verdict.COUNTED if units == offered else Verdict.LIMITED
    terms = () if limits.max_quantity is None else (("max_units", limits.max_quantity),)
    return Step(Stage.CAP, Subject.CHANNEL, channel, verdict, offered, units, terms=terms)
