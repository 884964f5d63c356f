"""What partitioning asks other contexts, message by message, and what it makes of their answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import grpc
import pytest

from tests.kit.dividing import BOOKS, epoch
from weir.aggregator.v1 import availability_service_pb2 as aggregator_pb
from weir.ledger.v1 import reservation_service_pb2 as ledger_pb
from weir.sharing.v1 import network_pb2, network_service_pb2
from weir_allocation.claims import Claim
from weir_allocation.rebalance import EpochShare, Supply
from weir_chassis import status
from weir_chassis.errors import Malformed, PeerAway, Refusal, RevisionCompacted, TokenMissing, Violation
from weir_chassis.revisions import Revision
from weir_chassis.watch import Fenced
from weir_partitioning.peers.ceilings import CEILING_MAX, CEILINGS_MAX, EPOCHS_OF_A_LIFE, PeerCeilings
from weir_partitioning.peers.sales import PeerSales
from weir_partitioning.peers.supplies import SUPPLIES_MAX, PeerSupplies, supplies
from weir_partitioning.ports import Numbered, Sale, Told


class Stream:
    """A call that answers these messages, then ends, or fails."""

    def __init__(self, messages: Sequence[Any], fault: grpc.aio.AioRpcError | None = None) -> None:
        self._messages = iter(messages)
        self._fault = fault
        self.cancelled = False

    async def read(self) -> Any:
        for message in self._messages:
            return message
        if self._fault is not None:
            raise self._fault
        return grpc.aio.EOF

    def cancel(self) -> None:
        self.cancelled = True


class Answering:
    """A peer that answers by functions, each under the name of its method, and notes what it was asked for whom."""

    def __init__(self, **methods: Callable[[Any], Any]) -> None:
        self._methods = methods
        self.asked: list[tuple[str, Any]] = []
        self._tenant = ""

    @property
    def channel(self) -> Any:
        return self

    def with_tenant(self, tenant: str) -> Answering:
        self._tenant = tenant
        return self

    def unary_unary(self, method: str, **_: Any) -> Callable[[Any], Awaitable[Any]]:
        async def answer(request: Any) -> Any:
            self.asked.append((self._tenant, type(request).FromString(request.SerializeToString())))
            return self._methods[method.rpartition("/")[2]](request)

        return answer

    def unary_stream(self, method: str, **_: Any) -> Callable[[Any], Any]:
        def answer(request: Any) -> Any:
            self.asked.append((self._tenant, request))
            return self._methods[method.rpartition("/")[2]](request)

        return answer

    def stream_unary(self, method: str, **_: Any) -> Callable[[Any], Any]:
        raise AssertionError(f"{method} is not asked")


def refused(refusal: Refusal) -> grpc.aio.AioRpcError:
    """How a refusal arrives."""
    ending = status.refused(refusal)
    trailers = grpc.aio.Metadata(*ending.trailers)
    return grpc.aio.AioRpcError(ending.code, grpc.aio.Metadata(), trailers, ending.message)


LOST = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "lost")
UNKNOWN_CALLER = refused(TokenMissing())
TABLE = aggregator_pb.SupplyTable(
    owners=["", "ann"],
    skus=["TV", "KIT"],
    policies=["fair", ""],
    scales=[1, 2],
    warehouse_groups=["home", "away"],
    channel_groups=["web", "till", "app"],
    supply_products=[0, 0, 1],
    supply_warehouse_groups=[1, 0, 0],
    supplies=[7, 100, 20],
    share_supplies=[1, 1, 1, 2],
    share_channel_groups=[0, 1, 2, 2],
    selling=[True, True, False, True],
    claimed=[5, 0, 9, 4],
    ceilings=[50, -1, -1, 40],
)
SUPPLIES = [
    Supply(("", "TV"), "away", 7, ()),
    Supply(("", "TV"), "home", 100, ("till", "web"), {"web": 5, "app": 9}),
    Supply(("ann", "KIT"), "home", 20, ("app",), {"app": 4}, 2),
]
REVISIONS = [Revision("sharing", "s", 1, 3).to_wire(), Revision("ledger", "l", 2, 9).to_wire()]
LEDGER = Revision("ledger", "l", 2, 9)


async def gathered(messages: Any) -> list[list[Told]]:
    """All that is told."""
    return [list(some) async for some in messages]


def test_a_table_of_supplies_is_read() -> None:
    """Each supply has the groups that sell it, in order, and all that is claimed of it, also by those that do not."""
    assert list(supplies(TABLE)) == SUPPLIES
    assert list(supplies(aggregator_pb.SupplyTable())) == []


async def test_supplies_are_listed() -> None:
    """Those of some products, for the tenant that is named, in books that are fresh enough."""
    stream = Stream([aggregator_pb.ListSuppliesResponse(table=TABLE, revisions=REVISIONS)] * 2)
    peer: Any = Answering(ListSupplies=lambda _: stream)
    told = await gathered(PeerSupplies(peer).listed("acme", [("ann", "KIT")], {"ledger": LEDGER}))
    assert told == [[Told(each, LEDGER) for each in SUPPLIES]] * 2
    [(tenant, request)] = peer.asked
    assert (tenant, [(each.owner, each.sku) for each in request.products]) == ("acme", [("ann", "KIT")])
    assert list(request.freshness.at_least) == [LEDGER.to_wire()]
    assert stream.cancelled


async def test_supplies_of_no_products_are_none() -> None:
    """Nobody is asked for nothing: that would be everything."""
    peer: Any = Answering()
    assert await gathered(PeerSupplies(peer).listed("acme", [], {})) == []
    assert peer.asked == []


async def test_a_large_message_is_given_in_parts() -> None:
    """However many supplies a message tells of, no more are given at once than are judged at once."""
    count = 2 * SUPPLIES_MAX + 1
    table = aggregator_pb.SupplyTable(
        owners=[""],
        skus=["TV"],
        scales=[1],
        warehouse_groups=[f"W{number}" for number in range(count)],
        supply_products=[0] * count,
        supply_warehouse_groups=range(count),
        supplies=[1] * count,
    )
    stream = Stream([aggregator_pb.ListSuppliesResponse(table=table, revisions=REVISIONS)])
    peer: Any = Answering(ListSupplies=lambda _: stream)
    told = await gathered(PeerSupplies(peer).listed("acme", None, {}))
    assert [len(some) for some in told] == [SUPPLIES_MAX, SUPPLIES_MAX, 1]


@pytest.mark.parametrize(("fault", "raised"), [(LOST, PeerAway), (UNKNOWN_CALLER, grpc.aio.AioRpcError)])
async def test_a_list_that_breaks_is_refused(fault: grpc.aio.AioRpcError, raised: type[Exception]) -> None:
    """A lost connection is a peer that is away, half-way too; that we may not call is an accident of ours."""
    stream = Stream([aggregator_pb.ListSuppliesResponse(table=TABLE, revisions=REVISIONS)], fault)
    peer: Any = Answering(ListSupplies=lambda _: stream)
    told = PeerSupplies(peer).listed("acme", None, {})
    assert len(await anext(told)) == 3
    with pytest.raises(raised):
        await anext(told)


async def test_a_watch_begins_anew_where_it_breaks() -> None:
    """Heartbeats tell nothing; after a break all is told again; what trying again cannot mend is raised."""
    message = aggregator_pb.WatchSuppliesResponse(table=TABLE, revisions=REVISIONS)
    heartbeat = aggregator_pb.WatchSuppliesResponse(revisions=REVISIONS)
    streams = [Stream([message, heartbeat], LOST), Stream([heartbeat, message], UNKNOWN_CALLER)]
    waiting = iter(streams)
    peer: Any = Answering(WatchSupplies=lambda _: next(waiting))
    told = PeerSupplies(peer).watched("acme")
    assert [len(await anext(told)) for _ in range(2)] == [3, 3]
    with pytest.raises(grpc.aio.AioRpcError):
        await anext(told)
    assert [tenant for tenant, _ in peer.asked] == ["acme"] * 2
    assert all(stream.cancelled for stream in streams)


async def test_a_watch_that_is_refused_says_why() -> None:
    """A refusal that trying again does not mend is passed on."""
    fault = refused(Malformed([Violation("tenant", "No.")]))
    peer: Any = Answering(WatchSupplies=lambda _: Stream([], fault))
    with pytest.raises(Refusal) as told:
        await anext(PeerSupplies(peer).watched("acme"))
    assert told.value.reason == "REQUEST_MALFORMED"


def numbered(number: int, groups: int = 2, *, cleared: Sequence[str] = ()) -> Numbered:
    """An epoch of some product."""
    shares = tuple(EpochShare(f"g{group}", 5, 3) for group in range(groups))
    made = replace(epoch(f"P{number}", shares={}), shares=shares, supply=5 * groups, scale=2)
    claims = tuple(Claim(("acme", f"P{number}"), "home", group) for group in cleared)
    return Numbered(number, made, BOOKS, cleared=claims)


async def requests(epochs: Sequence[Numbered], life: int = 1) -> list[ledger_pb.SetCeilingsRequest]:
    """What the ledger is asked for these epochs."""
    peer: Any = Answering(SetCeilings=lambda _: ledger_pb.SetCeilingsResponse())
    await PeerCeilings(peer, life=life).put("acme", epochs)
    assert {tenant for tenant, _ in peer.asked} <= {"acme"}
    return [request for _, request in peer.asked]


async def test_ceilings_are_told() -> None:
    """What is claimed and the share together, in units of the claim, with its words; what goes has no ceiling."""
    [request] = await requests([numbered(7, cleared=["gone"])])
    claim = Claim(("acme", "P7"), "home", "g0", 2)
    told = {each.claim: each for each in request.ceilings}
    assert (told[claim.key].ceiling, told[claim.key].epoch, told[claim.key].subject) == (13, 7, claim.subject)
    assert not told[Claim(("acme", "P7"), "home", "gone").key].HasField("ceiling")
    assert len(told) == 3
    assert await requests([]) == []


async def test_the_same_is_asked_under_the_same_name() -> None:
    """What is put again is the same request; anything else is another one."""
    [one], [same], [other] = [await requests([numbered(each)]) for each in (1, 1, 2)]
    assert one == same
    assert one.request_id != other.request_id
    assert len(one.request_id) <= 128


async def test_epochs_are_told_whole() -> None:
    """As many as fit into a request; an epoch is in one of them, unless it alone is too large."""
    sizes = [2000, 2000, 2000, CEILINGS_MAX + 1, 1]
    asked = await requests([numbered(number, groups) for number, groups in enumerate(sizes, 1)])
    told = [sorted({each.epoch for each in request.ceilings}) for request in asked]
    assert [len(request.ceilings) for request in asked] == [4000, 2000, CEILINGS_MAX, 2]
    assert told == [[1, 2], [3], [4], [4, 5]]


async def test_a_database_that_was_restored_sets_ceilings_anew() -> None:
    """In its next life numbers are above all that were told in this one."""
    [request] = await requests([numbered(1)], life=3)
    assert {each.epoch for each in request.ceilings} == {2 * EPOCHS_OF_A_LIFE + 1}


async def test_no_ceiling_is_too_high_for_the_ledger() -> None:
    """A share beyond what the ledger counts has the highest ceiling there is."""
    made = numbered(1, 1)
    huge = replace(made, epoch=replace(made.epoch, shares=(EpochShare("g0", 10**9, 10**15),)))
    [request] = await requests([huge])
    assert [each.ceiling for each in request.ceilings] == [CEILING_MAX]


@pytest.mark.parametrize(("fault", "raised"), [(LOST, PeerAway), (UNKNOWN_CALLER, grpc.aio.AioRpcError)])
async def test_a_ledger_that_does_not_answer(fault: grpc.aio.AioRpcError, raised: type[Exception]) -> None:
    """What the ledger refuses is raised, for ceilings and for sales."""

    def fail(_: Any) -> Any:
        raise fault

    peer: Any = Answering(SetCeilings=fail, ListDemand=fail, ListChannels=fail)
    with pytest.raises(raised):
        await PeerCeilings(peer, life=1).put("acme", [numbered(1)])
    with pytest.raises(raised):
        await PeerSales(peer, peer).sold("acme", None, datetime.now(UTC))
    with pytest.raises(raised):
        await PeerSales(peer, peer).groups("acme")


async def test_sales_are_read() -> None:
    """What was promised under a claim is of its product, in whole units; else of the stock item's. Orders without a
    channel are nobody's.
    """
    kit = Claim(("ann", "KIT"), "home", "web", 2).subject
    rows: Iterator[tuple[str, ...]] = zip(
        ("web", "", "TV", "", "3"), ("web", "", "LAMP", kit, "9"), ("till", "", "LAMP", "of somebody", "4"),
        ("", "", "TV", "", "5"), ("web", "", "LAMP", kit, "1"), strict=True,
    )  # fmt: skip
    channels, owners, skus, subjects, units = rows
    answer = ledger_pb.ListDemandResponse(
        days=["2027-01-31"] * 5,
        channels=channels,
        owners=owners,
        skus=skus,
        subjects=subjects,
        units=map(int, units),
        through=LEDGER.to_wire(),
        more=True,
    )
    peer: Any = Answering(ListDemand=lambda _: answer)
    begin = datetime(2027, 1, 1, tzinfo=UTC)
    sold = await PeerSales(peer, peer).sold("acme", Revision("ledger", "l", 2, 4), begin)
    day = date(2027, 1, 31)
    assert sold.sales == [
        Sale(("", "TV"), 3, "web", day),
        Sale(("ann", "KIT"), 4, "web", day),
        Sale(("", "LAMP"), 4, "till", day),
    ]
    assert (sold.through, sold.more) == (LEDGER, True)
    [(tenant, request)] = peer.asked
    assert (tenant, request.after.number, request.recorded_after_time.ToDatetime(UTC)) == ("acme", 4, begin)
    await PeerSales(peer, peer).sold("acme", None, begin)
    assert not peer.asked[-1][1].HasField("after")


async def test_history_that_is_gone_is_told_apart() -> None:
    """Where the ledger cannot go on from a revision, whoever counts is told why."""

    def compacted(_: Any) -> Any:
        raise refused(RevisionCompacted(context="ledger", number=4, oldest_kept=7))

    peer: Any = Answering(ListDemand=compacted)
    with pytest.raises(Fenced) as fenced:
        await PeerSales(peer, peer).sold("acme", LEDGER, datetime.now(UTC))
    assert fenced.value.reason == "REVISION_COMPACTED"


async def test_groups_of_channels_are_read() -> None:
    """Every channel and its group, page by page."""
    pages = {
        "": network_service_pb2.ListChannelsResponse(
            channels=[network_pb2.Channel(channel="a", channel_group="g")], next_page_token="more"
        ),
        "more": network_service_pb2.ListChannelsResponse(
            channels=[network_pb2.Channel(channel="b", channel_group="b")]
        ),
    }
    peer: Any = Answering(ListChannels=lambda request: pages[request.page_token])
    assert await PeerSales(peer, peer).groups("acme") == {"a": "g", "b": "b"}
    assert [request.page_token for _, request in peer.asked] == ["", "more"]
