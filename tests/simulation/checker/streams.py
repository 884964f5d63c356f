"""Hold what watchers were shown against the books: every commit once, in order, whole, and true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING

from tests.simulation.checker.commits import LAST, Commit
from tests.simulation.history import History, Session
from tests.simulation.model.books import micros
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, waiting_pb2

if TYPE_CHECKING:
    from tests.simulation.checker.replay import Told


def wrong_streams(history: History, commits: Sequence[Commit], told: Sequence[Told]) -> list[str]:
    """What is wrong with what any watcher was shown."""
    watchers: defaultdict[str, list[Session]] = defaultdict(list)
    for session in history.sessions:
        watchers[session.watcher].append(session)
    entries = {message.through.number: message.entries for each in watchers[LAST] for _, message in each.seen}
    return [
        f"watcher {name}: {sentence}"
        for name, sessions in watchers.items()
        for sentence in _watched(sessions, entries, commits, told)
    ]


def _watched(
    sessions: Sequence[Session],
    entries: Mapping[int, Sequence[ledger_pb2.Entry]],
    commits: Sequence[Commit],
    told: Sequence[Told],
) -> Iterator[str]:
    """What is wrong with the streams of one watcher, each of which went on where the one before it ended."""
    through = 0
    products = {(each.owner, each.sku) for each in sessions[0].request.products}
    for session in sessions:
        if session.accident:
            yield f"the stream ended with {session.accident}"
        for _, message in session.seen:
            number = message.through.number
            if not message.HasField("recorded_time"):
                if message.ListFields()[1:]:
                    yield f"a heartbeat at {number} says more than its mark"
                if number < through:
                    yield f"the mark went back from {through} to {number}"
                skipped = range(through + 1, number + 1)
            else:
                if number <= through:
                    yield f"revision {number} was shown after {through}"
                skipped = range(through + 1, number)
                yield from _message(message, entries.get(number, []), commits, told, products)
            for each in skipped:
                if not products or not products.isdisjoint(_touched(each, entries, told)):
                    yield f"revision {each} was not shown, though the mark passed it"
            through = max(through, number)
    if through < len(commits):
        yield f"nothing was shown after {through}, though there are {len(commits)}"


def _message(
    message: ledger_service_pb2.WatchEntriesResponse,
    listed: Sequence[ledger_pb2.Entry],
    commits: Sequence[Commit],
    told: Sequence[Told],
    products: Set[tuple[str, str]],
) -> Iterator[str]:
    """What is wrong with the message of one commit."""
    number = message.through.number
    if number > len(commits):
        yield f"revision {number} was shown, but there are {len(commits)}"
        return
    if micros(message.recorded_time) != commits[number - 1].recorded:
        yield f"revision {number} was shown with another moment"
    if list(message.entries) != [each for each in listed if not products or _product(each) in products]:
        yield f"revision {number} was shown with other entries than it has"
    if number > len(told):
        return
    wanted = told[number - 1]
    if list(message.claims) != ([] if products else list(wanted.claims)):
        yield f"revision {number} was shown with other claims: {list(message.claims)}, not {list(wanted.claims)}"
    shortfalls = [each for each in wanted.shortfalls if not products or _product(each) in products]
    if sorted(map(str, message.shortfalls)) != sorted(map(str, shortfalls)):
        yield f"revision {number} was shown with other shortfalls: {list(message.shortfalls)}, not {shortfalls}"
    lots = [each for each in wanted.lots if not products or _product(each) in products]
    if list(message.lots) != lots:
        yield f"revision {number} was shown with other lots: {list(message.lots)}, not {lots}"
    waiting = [] if products else list(wanted.waiting)
    if list(message.waiting) != waiting:
        yield f"revision {number} was shown with other demands: {list(message.waiting)}, not {waiting}"
    counted = [each for each in wanted.back_orders if not products or _product(each) in products]
    if list(message.back_orders) != counted:
        yield f"revision {number} was shown with other back-orders: {list(message.back_orders)}, not {counted}"


def _touched(
    number: int, entries: Mapping[int, Sequence[ledger_pb2.Entry]], told: Sequence[Told]
) -> Iterator[tuple[str, str]]:
    """The products whose units, lots or back-orders a revision changed."""
    yield from map(_product, entries.get(number, []))
    if number <= len(told):
        yield from map(_product, told[number - 1].lots)
        yield from map(_product, told[number - 1].back_orders)


def _product(
    told: ledger_pb2.Entry | ledger_pb2.ShortfallChange | ledger_pb2.Lot | waiting_pb2.BackOrders,
) -> tuple[str, str]:
    named = isinstance(told, ledger_pb2.Lot | waiting_pb2.BackOrders)
    product = told.product if named else told.stock_item.product  # type: ignore[union-attr]
    return product.owner, product.sku
