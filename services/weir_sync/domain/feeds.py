"""What a warehouse reports, as the ledger takes it in; pure."""

from __future__ import annotations

from typing import NamedTuple


class Pull(NamedTuple):
    """What is to be taken in from a warehouse.

    `run` names the attempt: asked for again under the same name a pull goes on where it was. `skus` are the only ones
    that are taken in, by the warehouse's own names; none: all.
    """

    tenant: str
    connection: str
    run: str
    full: bool
    skus: frozenset[str] = frozenset()


class Pulled(NamedTuple):
    """How far a pull has come, in lines that the warehouse reported.

    `total` is what is known of so far. Settled are those that the ledger has taken in or left, and those with a fault;
    `failed` are the latter, `unchanged` those that the ledger had newer figures of.
    """

    total: int = 0
    settled: int = 0
    failed: int = 0
    unchanged: int = 0
