"""Views: what a hub and its reps are shown, page by page, where the hub has a hundred thousand stock items."""

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Iterator, Sequence

import asyncpg
import grpc
import uvloop
from google.protobuf.wrappers_pb2 import StringValue

from tests.bench.history import TENANT
from tests.bench.load import Call
from tests.bench.measuring import Case, Options, Rounds, rounds, table, told
from tests.bench.serve import ECHO
from tests.bench.suite import Suite, pooled
from tests.kit.probe import NAME
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.pooling.v1 import pool_pb2, transfer_service_pb2
from weir.pooling.v1 import pooling_service_pb2 as pb
from weir.pooling.v1.pooling_service_pb2_grpc import PoolingServiceStub
from weir.pooling.v1.transfer_service_pb2_grpc import TransferServiceStub
from weir_ledger.domain.stock import StockItem
from weir_ledger.store.keys import key

VIEWS = "views"
HUB_ITEMS = 100_000
HUB_PLACES = [f"place {number}" for number in range(5)]
"""Where the hub has each product."""
SHOP = "shop"
REPS = 100
REP_ITEMS = 1050
"""No whole number of pages, so that on one of them a rep's own goods end and the hub's begin."""
OTHER_ITEMS = 800_000
"""Those in nobody's custody."""
PENDING = 100
"""Transfers of ten lines that wait, from the hub to its reps."""
LINES = 10
PAGE = 100
UNITS = 10**6

HUB = "hub"
BOTH, SHARED = stock_pb2.STOCK_VIEW_BOTH, stock_pb2.STOCK_VIEW_SHARED_BY_DISTRIBUTOR

_GOODS = "CREATE TEMPORARY TABLE goods (item uuid, sku text, location text, custodian text)"
_BALANCES = """
INSERT INTO balances (tenant, item, owner, sku, location, lot, uom, custodian, condition, on_hand, reserved, revision)
SELECT $1, item, '', sku, location, '', 'EACH', custodian, 1, $2::bigint, 0, 1 FROM goods
"""


def run(options: Options) -> None:
    """Write the goods, measure, print."""
    with pooled(VIEWS) as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(running, options))


async def _run(running: Suite, options: Options) -> None:
    begun = time.perf_counter()
    await _places(LedgerServiceStub(grpc.aio.insecure_channel(running.address(VIEWS))))
    counts = await _write(running.owner_url(VIEWS), options)
    channel = grpc.aio.insecure_channel(running.address("pooling"))
    pooling = PoolingServiceStub(channel)
    await _found(pooling, TransferServiceStub(channel))
    print(
        f"{counts[0]:,} stock items of a hub, {counts[1]:,} of {REPS} reps, {counts[2]:,} in nobody's custody,"
        f" {PENDING} transfers that wait; ready after {time.perf_counter() - begun:.0f} s.\n"
    )
    pages = [
        Case("ListStock of 100, of the hub", "pooling", await _pages(pooling, HUB, BOTH), 1),
        Case("ListStock of 100, of the hub, as a rep sees it", "pooling", await _pages(pooling, _rep(1), SHARED), 1),
        Case("ListStock of 100, where a rep's own end and the hub's begin", "pooling", await _seam(pooling), 1),
        Case("ListStock of one product", "pooling", _of_product(pooling), 1),
    ]
    chosen = [each for each in pages if options.only in each.name]
    cases = [*_empties(running), *chosen]
    measured = await rounds(cases, running, options)
    print(told(cases, measured))
    print("\n" + _compared(cases, chosen, measured))


def _empties(running: Suite) -> list[Case]:
    """What pages are compared with."""
    serialise, parse = StringValue.SerializeToString, StringValue.FromString
    echoing = grpc.aio.insecure_channel(running.address("echo")).unary_unary(ECHO, serialise, parse)
    empty = grpc.aio.insecure_channel(running.address("empty")).unary_unary(f"/{NAME}/Get", serialise, parse)

    async def echo(_: int) -> object:
        return await echoing(StringValue(value="weir"))

    async def call(_: int) -> object:
        return await empty(StringValue(value="weir"))

    return [Case("bare grpc.aio echo", "echo", echo, 1), Case("empty call", "empty", call, 1)]


def _compared(cases: Sequence[Case], pages: Sequence[Case], measured: Rounds) -> str:
    """How long a page takes, in empty calls: the median over the rounds of how their medians compare."""
    [empty] = [each for each in cases if each.server == "empty"]

    def ratio(page: Case) -> float:
        return statistics.median(
            each[page].sample.quantile(0.5) / each[empty].sample.quantile(0.5) for each in measured
        )

    return table(["call", "p50 in empty calls"], ([each.name, f"{ratio(each):.1f}"] for each in pages))


async def _pages(pooling: PoolingServiceStub, viewer: str, view: stock_pb2.StockView.ValueType) -> Call:
    """Ask for pages of what somebody sees of the hub's goods, anywhere among them."""
    chance, tokens, token = random.Random(5), list[str](), ""
    while token or not tokens:
        answer = await pooling.ListStock(_asked(view, token, size=1000), metadata=_by(viewer))
        if {each.stock_item.custodian for each in answer.stock} != {HUB}:
            break
        tokens.append(token)
        token = answer.next_page_token

    async def call(_: int) -> object:
        response = await pooling.ListStock(_asked(view, chance.choice(tokens)), metadata=_by(viewer))
        assert response.stock
        return response

    return call


async def _seam(pooling: PoolingServiceStub) -> Call:
    """Ask for the page on which a rep's own goods end and the hub's begin."""
    viewer, token = _rep(2), ""
    while True:
        answer = await pooling.ListStock(_asked(BOTH, token), metadata=_by(viewer))
        if len({each.custody for each in answer.stock}) == 2:
            break
        token = answer.next_page_token
        assert token

    async def call(_: int) -> object:
        response = await pooling.ListStock(_asked(BOTH, token), metadata=_by(viewer))
        assert len(response.stock) == PAGE
        return response

    return call


def _of_product(pooling: PoolingServiceStub) -> Call:
    """Ask where a product is, of all that a rep sees."""
    chance = random.Random(6)

    async def call(_: int) -> object:
        request = _asked(BOTH, "")
        request.skus.append(_sku(chance.randrange(REP_ITEMS // 2)))
        response = await pooling.ListStock(request, metadata=_by(_rep(3)))
        assert len(response.stock) >= len(HUB_PLACES)
        return response

    return call


def _asked(view: stock_pb2.StockView.ValueType, token: str, size: int = PAGE) -> pb.ListStockRequest:
    return pb.ListStockRequest(view=view, page_size=size, page_token=token)


def _by(user: str) -> tuple[tuple[str, str], ...]:
    """Metadata of a call that a person makes."""
    return (("weir-user", user),)


async def _places(ledger: LedgerServiceStub) -> None:
    """Where goods lie: the ledger is asked, so that the tenant's books are begun."""
    for name in (*HUB_PLACES, *(_trunk(number) for number in range(REPS)), SHOP):
        place = ledger_pb2.Location(location=name, kind=ledger_pb2.LOCATION_KIND_WAREHOUSE)
        await ledger.CreateLocation(ledger_service_pb2.CreateLocationRequest(request_id=name, location=place))


async def _write(owner_url: str, options: Options) -> list[int]:
    """Put the goods there, row for row as the ledger would have, but for the entries that led to them; how many are the
    hub's, the reps' and nobody's.
    """
    hub, rep, other = (options.scaled(each, least=REP_ITEMS) for each in (HUB_ITEMS, REP_ITEMS, OTHER_ITEMS))
    connection = await asyncpg.connect(owner_url, server_settings={"search_path": "weir_ledger"})
    try:
        await connection.execute("SET synchronous_commit = off")
        async with connection.transaction():
            await connection.execute(_GOODS)
            goods = itertools.chain(
                _goods(HUB, range(hub // len(HUB_PLACES)), HUB_PLACES),
                *(_goods(_rep(number), range(rep), [_trunk(number)]) for number in range(REPS)),
                _goods("", range(other), [SHOP]),
            )
            await connection.copy_records_to_table("goods", records=goods)
            await connection.execute(_BALANCES, TENANT, UNITS)
        await connection.execute("VACUUM (ANALYZE) balances")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return [hub, rep * REPS, other]


def _goods(custodian: str, products: range, locations: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Key, product, location and custodian of each stock item."""
    for number in products:
        for location in locations:
            yield key(StockItem("", _sku(number), location, custodian=custodian)), _sku(number), location, custodian


async def _found(pooling: PoolingServiceStub, transfers: TransferServiceStub) -> None:
    """A hub, its reps, their pool with the switch on, and transfers that wait."""
    reps = [_rep(number) for number in range(REPS)]
    roles = {HUB: pool_pb2.USER_ROLE_DISTRIBUTOR, **dict.fromkeys(reps, pool_pb2.USER_ROLE_REP)}
    for name, role in roles.items():
        await pooling.CreateUser(pb.CreateUserRequest(request_id=name, user=pool_pb2.User(user=name, role=role)))
    pool = pool_pb2.Pool(pool="north", hub=HUB, members=reps, access_hub_stock=True)
    await pooling.CreatePool(pb.CreatePoolRequest(request_id="pool", pool=pool))
    for number in range(PENDING):
        request = transfer_service_pb2.RequestTransferRequest(
            request_id=f"transfer {number}", sender=HUB, recipient=_rep(number % REPS)
        )
        for place in range(LINES):
            product = stock_pb2.Product(sku=_sku(place))
            item = stock_pb2.StockItem(product=product, location=HUB_PLACES[number % len(HUB_PLACES)])
            request.lines.add(stock_item=item, quantity=1)
        await transfers.RequestTransfer(request)


def _rep(number: int) -> str:
    return f"rep {number:03}"


def _trunk(number: int) -> str:
    return f"trunk {number:03}"


def _sku(number: int) -> str:
    return f"SKU-{number:07}"
