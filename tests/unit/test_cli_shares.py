"""What people are shown of supplies that are divided at an instant, and what becomes of dividing them anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc

from tests.unit.test_cli_shown import shown
from weir.common.v1 import revision_pb2, stock_pb2
from weir.partitioning.v1 import partitioning_service_pb2 as contract
from weir.partitioning.v1 import share_pb2
from weir_cli import dividing
from weir_cli.dividing import Asked
from weir_cli.options import Options
from weir_cli.session import Answer, Session


def mark(number: int) -> revision_pb2.Revision:
    """The mark of an epoch."""
    return revision_pb2.Revision(context="epochs", cluster="c", epoch=3, number=number)


def product(sku: str) -> stock_pb2.Product:
    """A product of the tenant."""
    return stock_pb2.Product(sku=sku)


def epoch(number: int, sku: str, *, supply: int = 100, held_back: int = 0, **got: int) -> share_pb2.Epoch:
    """A division of what Europe holds; each group had nothing before."""
    return share_pb2.Epoch(
        epoch=number,
        product=product(sku),
        warehouse_group="europe",
        policy="scarce",
        reason=share_pb2.EPOCH_REASON_FIRST,
        supply=supply,
        held_back=held_back,
        shares=[share_pb2.EpochShare(channel_group=group, balanced=units) for group, units in got.items()],
        moved=sum(got.values()),
        in_force=True,
    )


def share(sku: str, group: str, balanced: int, remaining: int) -> share_pb2.Share:
    """What a group has left of what Europe holds."""
    return share_pb2.Share(
        product=product(sku),
        warehouse_group="europe",
        channel_group=group,
        balanced=balanced,
        claimed=balanced - remaining,
        remaining=remaining,
        reserved=balanced - remaining,
        epoch=7,
        reason=share_pb2.EPOCH_REASON_THRESHOLD,
        policy="scarce",
    )


class Stream:
    """A call that streams epochs, one a message."""

    def __init__(self, epochs: Iterable[share_pb2.Epoch]) -> None:
        """Tell `epochs`."""
        self._epochs = iter(epochs)
        self.cancelled = False

    async def read(self) -> Any:
        """The next message."""
        for each in self._epochs:
            return contract.WatchEpochsResponse(through=mark(each.epoch), epochs=[each])
        return grpc.aio.EOF

    def cancel(self) -> None:
        """Nobody reads on."""
        self.cancelled = True


class Partitioning:
    """The service as a session calls it, in plain lists."""

    def __init__(self, shares: list[share_pb2.Share], epochs: list[share_pb2.Epoch], page: int = 2) -> None:
        """Nothing was asked yet; `epochs` in the order they were made."""
        self.shares, self.epochs, self.page = shares, epochs, page
        self.asked: list[Any] = []

    def session(self) -> Session:
        """A session that calls this."""
        made = Session(Options(targets={}), "attempt")
        made.__dict__["partitioning"] = self
        return made

    async def ListShares(self, asked: contract.ListSharesRequest) -> contract.ListSharesResponse:
        """Some shares of a product, or of all."""
        self.asked.append(contract.ListSharesRequest.FromString(asked.SerializeToString()))
        named = asked.product if asked.HasField("product") else None
        found = [each for each in self.shares if named in (None, each.product)]
        begin, size = int(asked.page_token or 0), min(asked.page_size, self.page)
        token = str(begin + size) if begin + size < len(found) else ""
        revision = revision_pb2.Revision(context="ledger", number=5)
        return contract.ListSharesResponse(
            shares=found[begin : begin + size], next_page_token=token, revision=revision if found else None
        )

    async def ListEpochs(self, asked: contract.ListEpochsRequest) -> contract.ListEpochsResponse:
        """Some epochs, newest first."""
        named = asked.product if asked.HasField("product") else None
        found = [each for each in reversed(self.epochs) if named in (None, each.product)]
        begin, size = int(asked.page_token or 0), min(asked.page_size, self.page)
        token = str(begin + size) if begin + size < len(found) else ""
        newest = mark(max([0, *(each.epoch for each in self.epochs)]))
        return contract.ListEpochsResponse(epochs=found[begin : begin + size], next_page_token=token, revision=newest)

    def WatchEpochs(self, asked: contract.WatchEpochsRequest) -> Stream:
        """All epochs after a mark, one a message."""
        self.asked.append(asked)
        return Stream(each for each in self.epochs if each.epoch > asked.after.number)

    async def Rebalance(self, asked: contract.RebalanceRequest) -> AsyncIterator[contract.RebalanceResponse]:
        """An epoch for each that there is, one a message."""
        self.asked.append(asked)
        supplies = len(self.epochs)
        for seen, each in enumerate(self.epochs, start=1):
            yield contract.RebalanceResponse(
                supplies=supplies,
                seen=seen,
                divided=seen,
                moved=5 * seen,
                epochs=[each],
                done=seen == supplies,
                revision=mark(each.epoch),
            )
        if not supplies:
            yield contract.RebalanceResponse(done=True)


def test_a_picture_shows_what_is_left_of_each_share() -> None:
    """Each share begins where the one before ends; what is spent stands back, and the smallest can still be seen."""
    divided = epoch(7, "MUG", supply=1000, held_back=240, shops=500, market=250, till=10)
    lines = [line.plain.rstrip() for line in dividing.picture(divided, {"shops": 250, "market": 0, "till": 10})]
    assert lines[0].startswith("MUG from europe  1,000 divided by scarce, first")
    assert lines[1:] == [
        "  shops      " + "█" * 12 + "░" * 12 + " " * 28 + "250 of 500 left",
        "  market     " + " " * 24 + "░" * 12 + " " * 16 + "0 of 250 left",
        "  till       " + " " * 36 + "█" + " " * 15 + "10 of 10 left",
        "  held back  " + " " * 37 + "·" * 12 + "   240",
    ]


def test_a_picture_of_nothing() -> None:
    """A supply of nothing has bars of no length; one that is not in force yet says so."""
    divided = epoch(7, "MUG", supply=0, shops=0)
    divided.in_force = False
    head, row = (line.plain.rstrip() for line in dividing.picture(divided, {}))
    assert head.endswith("not in force yet")
    assert (row.split(), "█" in row) == (["shops", "0", "of", "0", "left"], False)


def answered(held: Partitioning, *skus: str, limit: int = 200, **asked: str) -> Answer:
    """What `weir shares` answers."""
    wanted = Asked(tuple(map(product, skus)), **asked)
    return asyncio.run(dividing.shares(held.session(), wanted, limit=limit, fresh=False))


def test_shares_are_listed_with_why_and_when() -> None:
    """All pages of every product that is named, with a picture of each supply; a program gets every field."""
    found = [share("MUG", "market", 40, 4), share("MUG", "shops", 60, 60), share("TEA", "shops", 5, 0)]
    held = Partitioning(found, [epoch(6, "MUG", shops=60, market=40), epoch(7, "TEA", supply=5, shops=5)], page=1)
    answer = answered(held)
    lines = shown(*answer.shown)
    assert [line.split()[0] for line in lines if "divided by" in line] == ["MUG", "TEA"]
    rows = lines[-4:-1]
    assert rows[0].split() == ["MUG", "europe", "market", "4", "40", "36", "36", "7", "threshold"]
    assert rows[2].split()[:7] == ["TEA", "europe", "shops", "0", "5", "5", "5"]
    assert lines[-1] == "ledger revision 5 · 3 rows"
    assert [each["remaining"] for each in answer.document["shares"]] == [4, 60, 0]
    assert (answer.document["more"], answer.document["revision"]["number"]) == (False, 5)


def test_shares_of_some_products_and_groups() -> None:
    """Each product is asked for by itself, up to the limit; a product that is not divided has no shares."""
    held = Partitioning([share("MUG", "shops", 60, 60), share("TEA", "shops", 5, 0)], [])
    answer = answered(held, "MUG", "JUG", "TEA", warehouse_group="europe", channel_group="shops")
    assert [each["product"]["sku"] for each in answer.document["shares"]] == ["MUG", "TEA"]
    assert {(each.warehouse_group, each.channel_group) for each in held.asked} == {("europe", "shops")}
    cut = answered(held, "MUG", "TEA", limit=1)
    assert ([each["product"]["sku"] for each in cut.document["shares"]], cut.document["more"]) == (["MUG"], True)
    nothing = answered(held, "JUG")
    assert (nothing.document["shares"], nothing.document["revision"]["number"]) == ([], 0)
    assert "no policy is BALANCED" in shown(*nothing.shown)[0]


def test_history_is_told_newest_first() -> None:
    """With what each group had and got, and what demand was; of some supplies and groups, up to a limit."""
    first, second, other = epoch(1, "MUG", shops=60), epoch(2, "MUG", shops=50, market=10), epoch(3, "TEA", shops=5)
    second.shares[0].before, second.shares[0].weight, second.shares[0].demand = 60, 9, 8
    ended = epoch(4, "MUG", supply=0)
    held = Partitioning([], [first, second, other, ended])

    def told(*skus: str, limit: int = 9, group: str = "") -> Answer:
        asked = Asked(tuple(map(product, skus)), channel_group=group)
        return asyncio.run(dividing.history(held.session(), asked, limit=limit))

    assert [each["epoch"] for each in told().document["epochs"]] == [4, 3, 2, 1]
    assert [each["epoch"] for each in told("TEA", "MUG", group="shops").document["epochs"]] == [3, 2, 1]
    assert [each["epoch"] for each in told(group="market").document["epochs"]] == [2]
    cut = told(limit=2).document
    assert ([each["epoch"] for each in cut["epochs"]], cut["more"]) == ([4, 3], True)
    rows = shown(*told("MUG").shown)
    assert "none any more" in rows[2]
    assert "shops 60→50 (sold 8, weighs 9), market 0→10 (sold 0, weighs 0)" in rows[3]
    assert shown(*asyncio.run(dividing.history(Partitioning([], []).session(), Asked(), limit=9)).shown)[0] == (
        "Nothing was ever divided at an instant."
    )


def test_divisions_are_followed_from_now_or_from_the_beginning() -> None:
    """Only those to come, unless past ones are asked for; some supplies alone; up to a count."""

    async def follow(held: Partitioning, *skus: str, past: bool, count: int) -> list[int]:
        asked = Asked(tuple(map(product, skus)))
        watched = dividing.follow(held.session(), asked, past=past, count=count)
        return [answer.document["epoch"] async for answer in watched]

    held = Partitioning([], [epoch(1, "MUG", shops=6), epoch(2, "TEA", shops=5), epoch(3, "MUG", shops=4)])
    assert asyncio.run(follow(held, past=True, count=3)) == [1, 2, 3]
    assert asyncio.run(follow(held, "MUG", past=True, count=2)) == [1, 3]

    class Later(Partitioning):
        """One more epoch is made as soon as somebody watches."""

        def WatchEpochs(self, asked: contract.WatchEpochsRequest) -> Stream:
            """As it is, and one more."""
            self.epochs.append(epoch(4, "MUG", shops=3))
            return super().WatchEpochs(asked)

    later = Later([], list(held.epochs))
    assert asyncio.run(follow(later, past=False, count=1)) == [4]
    after = later.asked[-1].after
    assert (after.context, after.cluster, after.epoch, after.number) == ("epochs", "c", 3, 3)


def test_dividing_anew_tells_what_moved() -> None:
    """Every epoch of every message, and how many units changed hands; a check says what would."""
    held = Partitioning([], [epoch(8, "MUG", shops=60), epoch(9, "TEA", shops=5)])
    answer = asyncio.run(dividing.rebalance(held.session(), [product("MUG")], check=False))
    asked = held.asked[-1]
    assert (asked.request_id, [each.sku for each in asked.products], asked.validate_only) == ("attempt", ["MUG"], False)
    lines = shown(*answer.shown)
    assert lines[0] == "✓ 2 supplies looked at, 2 divided anew; 10 units changed hands."
    assert [line.split()[:3] for line in lines[3:5]] == [["8", "MUG", "europe"], ["9", "TEA", "europe"]]
    assert (answer.document["moved"], [each["epoch"] for each in answer.document["epochs"]]) == (10, [8, 9])
    checked = shown(*asyncio.run(dividing.rebalance(held.session(), [], check=True)).shown)
    assert "would be divided anew; 10 units would change hands." in checked[0]
    assert checked[-1] == "epochs revision 9 · request attempt · only checked, nothing was changed"
    idle = asyncio.run(dividing.rebalance(Partitioning([], []).session(), [], check=False))
    assert shown(*idle.shown)[0] == "Nothing is divided at an instant."
