"""A pooling service and a ledger, with two pools and what is in the custody of one."""

from __future__ import annotations

import pytest

from tests.kit.ledger import RECEIVE, Ledger, movement
from tests.kit.ledger import Caller as Books
from tests.kit.pooling import Caller, Pooling
from tests.kit.using import nail


@pytest.fixture
async def books(beneath: Ledger, tenant: str) -> Books:
    """A caller of the tenant's ledger, with 3 nails of a rep and 10 of his hub, in lots."""
    caller = beneath.caller(tenant)
    await caller.place("W1")
    stock = (("rep", "L1", 3), ("hub", "L1", 6), ("hub", "L2", 4))
    await caller.record(*(movement(RECEIVE, nail(who, lot), count) for who, lot, count in stock))
    return caller


@pytest.fixture
async def caller(service: Pooling, tenant: str, books: Books) -> Caller:
    """A caller who is nobody here, and so an administrator; there are two pools."""
    caller = service.caller(tenant)
    await caller.pool("north", "hub", "rep", "rival", on=True)
    await caller.pool("south", "other hub", "other rep", on=True)
    return caller


@pytest.fixture
def rep(service: Pooling, caller: Caller, tenant: str) -> Caller:
    """A member of the first pool."""
    return service.caller(tenant, user="rep")


@pytest.fixture
def hub(service: Pooling, caller: Caller, tenant: str) -> Caller:
    """Its hub."""
    return service.caller(tenant, user="hub")
