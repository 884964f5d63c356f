"""Levels and entries as they change: the watches of the contracts, over any number of broken streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from weir.aggregator.v1 import availability_service_pb2 as contract
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2
from weir_chassis import revisions
from weir_chassis.watch import Fenced, later, watch
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.options import REFUSED
from weir_cli.paging import Listed
from weir_cli.selling import Levels, level, level_rows, read_table
from weir_cli.session import Answer, Session

Mark = tuple[revisions.Revision, ...]


def _mark(message: contract.WatchLevelsResponse) -> Mark | None:
    """What was reached; nothing is, within a complete list, before its end."""
    if message.complete and not message.complete_end:
        return None
    return tuple(revisions.from_wire(each) for each in message.through)


def _newer(one: Mark, other: Mark) -> bool:
    known = {each.context: each for each in other}
    return any(each.context not in known or later(each, known[each.context]) for each in one)


async def watched(
    session: Session, channels: Sequence[str], *, owner: str | None = None
) -> AsyncGenerator[contract.WatchLevelsResponse]:
    """Levels and every change of them, over any number of broken streams; first a complete list."""

    def opened(after: Mark | None) -> Any:
        request = contract.WatchLevelsRequest(
            channels=channels, owner=owner, after=[each.to_wire() for each in after or ()]
        )
        return session.availability.WatchLevels(request)

    async with aclosing(watch(opened, after=None, through=_mark, newer=_newer)) as messages:
        async for message in messages:
            yield message


async def watch_levels(
    session: Session, channels: Sequence[str], skus: Sequence[str], *, owner: str | None, count: int | None
) -> AsyncGenerator[Answer]:
    """One answer for the complete list, then one for every change that touches what is asked for."""
    held: Levels = {}
    begun = False
    answered = 0
    async with aclosing(watched(session, channels, owner=owner)) as messages:
        async for message in messages:
            news: Levels = {}
            read_table(news, message.table)
            news = {key: row for key, row in news.items() if not skus or key[1] in skus}
            if message.complete and not begun:
                held |= news
                if message.complete_end:
                    begun = True
                    yield _begun(held, message)
                    answered += 1
            else:
                changed = _changes(held, news)
                held |= news
                if not changed:
                    continue
                yield _moved(changed, news, message)
                answered += 1
            if answered == count:
                return


Change = tuple[tuple[str, str], str, int | None, int]


def _changes(held: Levels, news: Levels) -> list[Change]:
    return [
        (key, channel, held.get(key, {}).get(channel), level)
        for key, row in news.items()
        for channel, level in row.items()
        if held.get(key, {}).get(channel) != level
    ]


def _begun(held: Levels, message: contract.WatchLevelsResponse) -> Answer:
    width = max((len(row) for row in held.values()), default=0)
    said = Text(
        f"Watching {tables.counted(len(held), 'product')} in {tables.counted(width, 'channel')}. Ctrl-C ends.",
        style="dim",
    )
    return Answer({"complete": True, "levels": level_rows(held), "through": _through(message)}, [said])


def _moved(changed: list[Change], news: Levels, message: contract.WatchLevelsResponse) -> Answer:
    touched = {key for key, *_ in changed}
    shown: list[RenderableType] = [change_line(*each) for each in changed]
    rows = {key: row for key, row in news.items() if key in touched}
    return Answer({"complete": False, "levels": level_rows(rows), "through": _through(message)}, shown)


def change_line(key: tuple[str, str], channel: str, before: int | None, after: int) -> Text:
    """One level that changed."""
    fell = before is not None and after < before
    return Text.assemble(
        tables.product(*key), "  ", (channel, "bold"), "  ",
        ("new" if before is None else level(before).plain, "dim"),
        (" ↓ " if fell else " ↑ ", "red" if fell else "green"), level(after).plain,
    )  # fmt: skip


def _through(message: contract.WatchLevelsResponse) -> list[dict[str, Any]]:
    return [document(each) for each in message.through]


async def followed(
    call: Callable[[Any], Any],
    asked: Any,
    told: Callable[[Any], Answer | None],
    *,
    after: revisions.Revision | None,
    count: int | None,
) -> AsyncGenerator[Answer]:
    """What is `told` of every commit after a revision, over any number of broken streams of `call`; None is passed
    over, `count` answers end it. `asked` carries the filters.
    """

    def opened(after: revisions.Revision | None) -> Any:
        request = type(asked)()
        request.CopyFrom(asked)
        if after is not None:
            request.after.CopyFrom(after.to_wire())
        return call(request)

    answered = 0
    try:
        async with aclosing(watch(opened, after=after, through=_reached, newer=later)) as messages:
            async for message in messages:
                answer = told(message)
                if answer is not None:
                    yield answer
                    answered += 1
                    if answered == count:
                        return
    except Fenced as fence:
        refused = {"refusal": {"reason": fence.reason, "message": str(fence)}}
        yield Answer(refused, [Text.assemble(("Refused: ", "bold red"), str(fence))], REFUSED)


async def listed_and_followed(
    listing: Awaitable[Listed],
    shown: Callable[[Sequence[Any]], RenderableType],
    call: Callable[[Any], Any],
    asked: Any,
    told: Callable[[Any], Answer | None],
    *,
    count: int | None,
) -> AsyncGenerator[Answer]:
    """One answer for a list, then what is `told` of every commit after it, as `followed` does it."""
    first = await listing
    yield Answer(first.document, [shown(first.found), first.footnote])
    if count == 1:
        return
    more = None if count is None else count - 1
    after = revisions.from_wire(first.revision)
    async with aclosing(followed(call, asked, told, after=after, count=more)) as answers:
        async for answer in answers:
            yield answer


def news(name: str, found: Sequence[Any], through: revision_pb2.Revision, line: Callable[[Any], Text]) -> Answer | None:
    """What a commit changed, a line for each object; None where nothing of it is meant."""
    if not found:
        return None
    mark = Text(f"{through.number}".rjust(8), style="dim")
    told = {name: [document(each) for each in found], "through": document(through)}
    return Answer(told, [Text.assemble(mark, "  ", line(each)) for each in found])


def _reached(message: Any) -> revisions.Revision:
    return revisions.from_wire(message.through)


async def watch_entries(
    session: Session, asked: ledger_service_pb2.WatchEntriesRequest, *, history: bool, count: int | None
) -> AsyncGenerator[Answer]:
    """One answer for each commit with entries: those to come, or with `history` all that are kept too."""
    after = None
    if not history:
        after = revisions.from_wire(await session.head())

    def told(message: ledger_service_pb2.WatchEntriesResponse) -> Answer | None:
        moved = message.entries or message.shortfalls or message.claims
        return Answer(document(message), _commit(message)) if moved else None

    async with aclosing(followed(session.ledger.WatchEntries, asked, told, after=after, count=count)) as answers:
        async for answer in answers:
            yield answer


def _commit(message: ledger_service_pb2.WatchEntriesResponse) -> list[Text]:
    """What a commit changed: its entries, then the shortfalls and claims that they moved."""
    return [
        *(_line(each) for each in message.entries),
        *(_shortfall(each) for each in message.shortfalls),
        *(_claim(each) for each in message.claims),
    ]


def _shortfall(each: ledger_pb2.ShortfallChange) -> Text:
    item = each.stock_item
    verb, style = ("changed", "red")
    if not each.before:
        verb, style = ("opened", "bold red")
    elif not each.after:
        verb, style = ("closed", "green")
    line = Text.assemble(" " * 10, (f"shortfall {verb}", style), "  ")
    line.append_text(tables.product(item.product.owner, item.product.sku))
    line.append(f"@{item.location} ")
    line.append_text(tables.details(item))
    line.append(f"  {each.before} → {each.after}")
    return line


def _claim(each: reservation_pb2.Claim) -> Text:
    bound = f", of {each.ceiling:,} at most" if each.HasField("ceiling") else ""
    return Text.assemble(
        " " * 10, ("claim ", "dim"), (each.claim, "bold"),
        f"  {each.open + each.fulfilled:,} claimed: {each.open:,} open, {each.fulfilled:,} fulfilled{bound}",
        "  " if each.subject else "", tables.stands_for(each.subject),
    )  # fmt: skip


def _line(each: ledger_pb2.Entry) -> Text:
    """One line of the books as it happens."""
    item = each.stock_item
    outside = each.account != ledger_pb2.ACCOUNT_STOCK
    line = Text.assemble((f"{each.revision}.{each.line}".rjust(8), "dim"), "  ", word(each, "kind").ljust(9))
    line.append_text(tables.product(item.product.owner, item.product.sku))
    line.append(f"@{item.location} ")
    line.append_text(tables.details(item))
    for label, delta, now in (
        ("on hand", each.on_hand_delta, each.on_hand),
        ("reserved", each.reserved_delta, each.reserved),
    ):
        if delta:
            line.append_text(Text.assemble((f"  {label} ", "dim"), tables.change(delta)))
            line.append("" if outside else f" → {now}")
    if outside:
        line.append(f"  {word(each, 'account')}")
        line.stylize("dim")
    return line
