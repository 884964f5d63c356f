"""Many products through the aggregator's own server: all of them, in order, in messages of bounded size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.kit.connecting import connect
from tests.kit.market import server_settings
from tests.kit.projections import (
    LEDGER,
    books,
    channel,
    claimed,
    count,
    group,
    link,
    load_balances,
    load_configuration,
    policies,
    stands,
)
from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.aggregator.v1.availability_service_pb2_grpc import AvailabilityServiceStub
from weir_aggregator.projection import Pace, Projection, Tenants, caught_up
from weir_aggregator.projection.supplies import PRODUCTS_MAX
from weir_aggregator.projection.watching import CELLS_MAX, ROWS_MAX
from weir_aggregator.servicer.availability import AVAILABILITY_POLICY, AvailabilityServicer
from weir_allocation.claims import Claim
from weir_allocation.policy import Mode, Policy, Strategy
from weir_chassis.auth import DevelopmentAuthenticator
from weir_chassis.server import Server

PRODUCTS = 200_000
CHANNELS = 10
MESSAGE_BYTES = 1 << 20


async def filled(projection: Projection, tenant: str) -> None:
    """Many products in one location, ten channels that all reach it."""
    load_balances(projection, LEDGER.revision(1), (count(f"SKU{number:06}", "W", number) for number in range(PRODUCTS)))
    network = [
        group("w", "W"),
        *(channel(f"C{n}") for n in range(CHANNELS)),
        *(link("w", f"C{n}") for n in range(CHANNELS)),
    ]
    load_configuration(projection, network)
    await asyncio.Event().wait()


@pytest.fixture
async def tenants() -> AsyncIterator[Tenants]:
    """The projections that the server answers from."""
    made = Tenants(filled, tenants_max=1, log_bytes_max=1 << 24)
    yield made
    await made.close()


@pytest.fixture
async def stub(tenants: Tenants) -> AsyncIterator[AvailabilityServiceStub]:
    """A caller of a server that has no peers."""
    server = Server(
        server_settings(),
        name="weir_aggregator",
        registrations=[AvailabilityServicer(tenants, Pace()).registration],
        policies=[AVAILABILITY_POLICY],
        authenticator=DevelopmentAuthenticator(),
    )
    async with server.serving(), connect(server.address) as connected:
        yield AvailabilityServiceStub(connected)


async def test_a_list_of_two_hundred_thousand_products(stub: AvailabilityServiceStub) -> None:
    """Each once, in order, every level right, no message beyond its bounds."""
    expected = 0
    async for part in stub.ListLevels(pb.ListLevelsRequest(), timeout=120):
        table = part.table
        assert len(table.levels) == len(table.skus) * len(table.channels) <= CELLS_MAX
        assert len(table.skus) <= ROWS_MAX
        assert list(table.levels) == [expected + n // CHANNELS for n in range(len(table.levels))]
        expected += len(table.skus)
    assert expected == PRODUCTS


async def test_a_complete_watch_of_as_many(stub: AvailabilityServiceStub, tenants: Tenants) -> None:
    """It ends with a mark after which every level is known, also those that changed while it was sent."""
    watch = stub.WatchLevels(pb.WatchLevelsRequest(channels=["C3"]))
    levels: dict[str, int] = {}
    async for message in watch:
        if message.complete_begin:
            tenants.projection("default").apply_balances(books(2, count("SKU000000", "W", 77)))
        levels.update(zip(message.table.skus, message.table.levels, strict=True))
        if message.complete_end:
            break
    watch.cancel()
    assert len(levels) == PRODUCTS
    assert levels["SKU000000"] == 77
    assert levels["SKU199999"] == 199_999
    assert [each.number for each in message.through] == [2, 1, 1, 1, 1]


@pytest.fixture
async def divided(stub: AvailabilityServiceStub, tenants: Tenants) -> Projection:
    """The projection, with a policy that divides everything at an instant, and a claim that the ledger knows."""
    projection = tenants.projection("default")
    await caught_up(projection, None)
    projection.apply_configuration(policies(2, stands(Policy("all", 1, Strategy.EQUAL_DIVISION, mode=Mode.BALANCED))))
    projection.apply_balances(books(2, claimed(Claim(("", "SKU000000"), "w", "C3"), 5, 9)))
    return projection


async def test_supplies_of_as_many(stub: AvailabilityServiceStub, divided: Projection) -> None:
    """All that there is to divide, each product once, with every channel group; no message beyond its bounds."""
    supplies: dict[str, int] = {}
    async for part in stub.ListSupplies(pb.ListSuppliesRequest(), timeout=120):
        supplies.update(_supplies(part))
    assert supplies == {f"SKU{number:06}": number for number in range(PRODUCTS)}


async def test_a_watch_of_supplies_of_as_many(stub: AvailabilityServiceStub, divided: Projection) -> None:
    """It shows everything, then what changed while it was sent, though it was told before."""
    watch = stub.WatchSupplies(pb.WatchSuppliesRequest())
    supplies: dict[str, int] = {}
    complete = None
    async for message in watch:
        if not supplies:
            divided.apply_balances(books(3, count("SKU000000", "W", 77)))
        supplies.update(_supplies(message))
        if message.complete_end:
            complete = len(supplies)
        if complete and supplies["SKU000000"]:
            break
    watch.cancel()
    assert complete == PRODUCTS
    assert supplies == {f"SKU{number:06}": number or 77 for number in range(PRODUCTS)}


def _supplies(message: pb.ListSuppliesResponse | pb.WatchSuppliesResponse) -> Iterator[tuple[str, int]]:
    table = message.table
    products = len(table.skus)
    assert products <= PRODUCTS_MAX
    assert message.ByteSize() < MESSAGE_BYTES
    assert list(table.supply_products) == list(range(products))
    assert list(table.share_supplies) == [supply for supply in range(products) for _ in range(CHANNELS)]
    assert all(table.selling)
    assert set(zip(table.claimed, table.ceilings, strict=True)) <= {(0, -1), (5, 9)}
    return zip(table.skus, table.supplies, strict=True)
