"""Questions of worked examples, put to the running suite by every road that leads to an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from tests.kit.founding import Founding, goods, stock_item
from tests.kit.merchant import Merchant
from tests.kit.scenes import UNTOLD_WORD
from tests.kit.stories import Asked, Reader
from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.aggregator.v1 import explanation_pb2
from weir.common.v1 import verdict_pb2
from weir.ledger.v1 import ledger_service_pb2
from weir.sharing.v1 import network_service_pb2
from weir_allocation.stock import EACH, StockItem

UNTOLD = -1
"""In tables, where a store is told nothing."""


async def play(merchant: Merchant, text: str) -> None:
    """Do what the sentences of an example say, in the name of a merchant who has nothing yet; every answer is right."""
    founding = Founding(merchant)
    for line in Reader(datetime.now(UTC).date()).read(text):
        if isinstance(line, Asked):
            assert await answers(merchant, line) == line.answers, line
        else:
            await founding.add(line)


async def answers(merchant: Merchant, asked: Asked) -> tuple[tuple[str, str], ...]:
    """What the suite answers, for the names that the question is asked of; as new as all that the merchant wrote."""
    return tuple([(name, await _answer(merchant, asked, name)) for name, _ in asked.answers])


async def _answer(merchant: Merchant, asked: Asked, name: str) -> str:
    if asked.what == "exposure":
        return await _exposure(merchant, asked)
    if asked.what in ("on hand", "reserved", "available", "shortfall"):
        return await _count(merchant, asked, name)
    if asked.what == "held back":
        return await _held_back(merchant, asked, name)
    if asked.what == "verdict":
        return await _verdict(merchant, asked, name)
    return await _level(merchant, asked, name)


async def _level(merchant: Merchant, asked: Asked, channel: str) -> str:
    """Level, share or supply; the explanation says the same, and so does a table where no lot or unit is asked for."""
    found = await merchant.stubs.availability.GetAvailability(
        pb.GetAvailabilityRequest(
            product=goods(asked.product), channel=channel, lot=asked.lot, uom=asked.uom, freshness=merchant.freshness()
        )
    )
    told = await explained(merchant, asked, channel)
    assert (found.level, found.share, found.untold) == (told.level, told.share, told.untold), (found, told)
    if (asked.lot, asked.uom) == ("", EACH):
        [level] = await levels(merchant, asked, channel)
        assert level == (UNTOLD if found.untold else found.level)
    if asked.what == "level" and found.untold:
        return UNTOLD_WORD
    return str(getattr(found, asked.what))


async def levels(merchant: Merchant, asked: Asked, *channels: str) -> list[int]:
    """The levels of the product in some channels, of a table."""
    request = pb.BatchGetAvailabilityRequest(
        products=[goods(asked.product)], channels=channels, freshness=merchant.freshness()
    )
    return [*(await merchant.stubs.availability.BatchGetAvailability(request)).levels]


async def explained(merchant: Merchant, asked: Asked, channel: str) -> pb.ExplainAvailabilityResponse:
    """How the level of the product in a channel came about."""
    return await merchant.stubs.availability.ExplainAvailability(
        pb.ExplainAvailabilityRequest(
            product=goods(asked.product), channel=channel, lot=asked.lot, uom=asked.uom, freshness=merchant.freshness()
        )
    )


def inner(steps: Iterable[explanation_pb2.Step]) -> Iterator[explanation_pb2.Step]:
    """All steps of an explanation, and those they are made of."""
    for step in steps:
        yield step
        yield from inner(step.steps)


async def _exposure(merchant: Merchant, asked: Asked) -> str:
    request = pb.GetExposureRequest(products=[goods(asked.product)], freshness=merchant.freshness())
    [found] = (await merchant.stubs.availability.GetExposure(request)).exposures
    assert found.exposure == max(0, found.levels - found.supply)
    return str(found.exposure)


async def _count(merchant: Merchant, asked: Asked, location: str) -> str:
    item = StockItem(*asked.product, location, asked.lot, asked.uom)
    request = ledger_service_pb2.GetBalanceRequest(stock_item=stock_item(item), freshness=merchant.freshness("ledger"))
    found = (await merchant.stubs.ledger.GetBalance(request)).balance
    return str(getattr(found, asked.what.replace(" ", "_")))


async def _held_back(merchant: Merchant, asked: Asked, warehouse_group: str) -> str:
    """What is held back of the group's supply, as the explanation for a channel that it feeds has it."""
    links = await merchant.stubs.network.ListGroupLinks(
        network_service_pb2.ListGroupLinksRequest(warehouse_group=warehouse_group)
    )
    channels = await merchant.stubs.network.ListChannels(
        network_service_pb2.ListChannelsRequest(channel_group=links.group_links[0].channel_group)
    )
    told = await explained(merchant, asked, channels.channels[0].channel)
    [divided] = [
        step
        for step in inner(told.steps)
        if step.stage == explanation_pb2.STAGE_SPLIT
        and step.subject == explanation_pb2.Step.SUBJECT_WAREHOUSE_GROUP
        and step.name == warehouse_group
    ]
    assert sum(step.units_out for step in divided.steps) == divided.units_in
    [rest] = [step for step in divided.steps if step.verdict == verdict_pb2.VERDICT_HELD_BACK]
    return str(rest.units_out)


async def _verdict(merchant: Merchant, asked: Asked, channel: str) -> str:
    """What the explanation says of the one source that is asked about, everywhere the same."""
    assert asked.source is not None
    told = await explained(merchant, asked, channel)
    [verdict] = {
        verdict_pb2.Verdict.Name(step.verdict).removeprefix("VERDICT_")
        for step in inner(told.steps)
        if step.subject == explanation_pb2.Step.SUBJECT_PRODUCT_LINK and step.product == goods(asked.source)
    }
    return verdict
