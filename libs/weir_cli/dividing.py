"""Supplies that were divided at an instant: what each channel group has left of its share, and dividing them anew."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.status import Status
from rich.text import Text

from weir.common.v1 import revision_pb2, stock_pb2
from weir.partitioning.v1 import partitioning_service_pb2 as contract
from weir.partitioning.v1 import share_pb2
from weir_chassis import revisions
from weir_chassis.watch import Fenced, later, watch
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.options import REFUSED
from weir_cli.paging import cut, listed
from weir_cli.paper import paper
from weir_cli.session import Answer, Session

PICTURED = 6
"""Supplies of which a picture is drawn where none is named."""
EPOCHS_SHOWN = 50
WIDTH = 48
LEFT, SPENT, HELD_BACK = "█", "░", "·"

Key = tuple[str, str, str]
"""Owner and stock keeping unit of a product, and a warehouse group."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which supplies and shares are meant; what is empty lets all through."""

    products: tuple[stock_pb2.Product, ...] = ()
    warehouse_group: str = ""
    channel_group: str = ""

    def means(self, epoch: share_pb2.Epoch) -> bool:
        """Whether it is one of these supplies, and divided among the channel group before or after."""
        return (
            (not self.products or epoch.product in self.products)
            and self.warehouse_group in ("", epoch.warehouse_group)
            and (not self.channel_group or any(each.channel_group == self.channel_group for each in epoch.shares))
        )


async def shares(session: Session, asked: Asked, *, limit: int, fresh: bool) -> Answer:
    """What channel groups have left of their shares, `limit` of them at most; the first supplies as a picture."""
    freshness = await session.freshness(fresh, "ledger")
    found: list[share_pb2.Share] = []
    more, revision = False, revision_pb2.Revision()
    for product in asked.products or (None,):
        request = contract.ListSharesRequest(
            product=product,
            warehouse_group=asked.warehouse_group,
            channel_group=asked.channel_group,
            freshness=freshness,
        )
        if len(found) == limit:
            more = True
            break
        part = await listed(session.partitioning.ListShares, request, "shares", limit=limit - len(found))
        found, more = found + part.found, more or part.more
        if part.found:
            revision = part.revision
    told = {"shares": [document(each) for each in found], "more": more, "revision": document(revision)}
    if not found:
        return Answer(told, [Text("Nothing is divided at an instant: no policy is BALANCED, or nothing lies there.")])
    drawn = await pictures(session, found, most=None if asked.products else PICTURED)
    at = (revision,) if revision.number else ()
    return Answer(told, [*drawn, _table(found), tables.footnote(*at, note=cut(found, more))])


async def pictures(
    session: Session, found: Sequence[share_pb2.Share], *, most: int | None = None
) -> list[RenderableType]:
    """How the first `most` supplies are divided, and what is left of each share."""
    remaining: dict[Key, dict[str, int]] = {}
    for each in found:
        remaining.setdefault(_key(each), {})[each.channel_group] = each.remaining
    shown: list[RenderableType] = []
    for (owner, sku, warehouse_group), left in list(remaining.items())[:most]:
        request = contract.ListEpochsRequest(
            product=stock_pb2.Product(owner=owner, sku=sku), warehouse_group=warehouse_group, page_size=1
        )
        for epoch in (await session.partitioning.ListEpochs(request)).epochs:
            shown += [*picture(epoch, left), ""]
    return shown


def picture(epoch: share_pb2.Epoch, left: dict[str, int]) -> list[Text]:
    """A supply as it was divided, one share below the other, each beginning where the one before ends: what is `left`
    of it stands out, what is spent stands back. Shares of which nothing is known to be left are whole."""
    head = Text.assemble(
        tables.product(epoch.product.owner, epoch.product.sku), (" from ", "dim"), (epoch.warehouse_group, "bold"),
        (f"  {epoch.supply:,} divided by ", "dim"), epoch.policy, (", ", "dim"), _divided(epoch),
        ("" if epoch.in_force else "  not in force yet", "yellow"),
    )  # fmt: skip
    rows = [(each.channel_group, each.balanced, left.get(each.channel_group, each.balanced)) for each in epoch.shares]
    names = max([len("held back"), *(len(name) for name, *_ in rows)])
    lines, begin = [head], 0
    for name, balanced, remaining in rows:
        whole = _cells(balanced, epoch.supply)
        rest = min(whole, _cells(remaining, epoch.supply))
        bar = Text.assemble(" " * begin, (LEFT * rest, "green"), (SPENT * (whole - rest), "dim"))
        said = f"{remaining:,} of {balanced:,} left"
        lines.append(_row(name, names, bar, Text(said, style="" if remaining or not balanced else "red")))
        begin += whole
    if epoch.held_back:
        bar = Text(" " * begin + HELD_BACK * _cells(epoch.held_back, epoch.supply), style="dim")
        lines.append(_row("held back", names, bar, Text(f"{epoch.held_back:,}", style="dim")))
    return lines


def _cells(units: int, supply: int) -> int:
    """How long a bar is; whatever there is can be seen."""
    return max(1, round(units * WIDTH / max(supply, units))) if units > 0 else 0


def _row(name: str, names: int, bar: Text, said: Text) -> Text:
    bar.pad_right(WIDTH + 4 - len(bar.plain))
    return Text.assemble("  ", (name.ljust(names), "bold"), "  ", bar, said)


def _table(found: Iterable[share_pb2.Share]) -> RenderableType:
    made = tables.table("product", "from", "group", "#left", "#balanced", "#claimed", "#reserved", "#epoch", "divided")
    for each in found:
        made.add_row(
            tables.product(each.product.owner, each.product.sku), each.warehouse_group, each.channel_group,
            Text(tables.number(each.remaining).plain, style="bold" if each.remaining else "red"),
            tables.number(each.balanced), tables.number(each.claimed), tables.number(each.reserved),
            Text(str(each.epoch), style="dim"), _divided(each),
        )  # fmt: skip
    return made


async def history(session: Session, asked: Asked, *, limit: int) -> Answer:
    """How supplies were divided, newest first, `limit` epochs at most."""
    found: list[share_pb2.Epoch] = []
    revision = revision_pb2.Revision()
    for product in asked.products or (None,):
        request = contract.ListEpochsRequest(product=product, warehouse_group=asked.warehouse_group)
        meant, revision = await _epochs(session, request, asked, limit + 1)
        found += meant
    found.sort(key=lambda each: each.epoch, reverse=True)
    more = len(found) > limit
    del found[limit:]
    told = {"epochs": [document(each) for each in found], "more": more, "revision": document(revision)}
    shown = epoch_table(found) if found else Text("Nothing was ever divided at an instant.")
    return Answer(told, [shown, tables.footnote(revision, note=cut(found, more))])


async def _epochs(
    session: Session, request: contract.ListEpochsRequest, asked: Asked, limit: int
) -> tuple[list[share_pb2.Epoch], revision_pb2.Revision]:
    """The newest epochs that are meant, `limit` at most, and the mark of the newest of all."""
    found: list[share_pb2.Epoch] = []
    request.page_size = EPOCHS_SHOWN
    while True:
        page = await session.partitioning.ListEpochs(request)
        found += filter(asked.means, page.epochs)
        request.page_token = page.next_page_token
        if not request.page_token or len(found) >= limit:
            return found[:limit], page.revision


def epoch_table(found: Iterable[share_pb2.Epoch]) -> RenderableType:
    """Divisions with what each group had and got."""
    made = tables.table("#epoch", "product", "from", "divided", "#supply", "#held back", "#moved", "shares", "")
    for each in found:
        made.add_row(
            str(each.epoch or ""), tables.product(each.product.owner, each.product.sku), each.warehouse_group,
            _divided(each), tables.number(each.supply), tables.number(each.held_back), tables.number(each.moved),
            _shares(each), _standing(each),
        )  # fmt: skip
    return made


def _shares(epoch: share_pb2.Epoch) -> Text:
    if not epoch.shares:
        return Text("none any more", style="dim")
    by_demand = any(each.demand for each in epoch.shares)
    return Text(", ").join(_change(each, by_demand=by_demand) for each in epoch.shares)


def _change(share: share_pb2.EpochShare, *, by_demand: bool) -> Text:
    """What a group had and got; of a division by demand also what its orders were promised, and what it weighs."""
    said = Text.assemble(f"{share.channel_group} ", (f"{share.before:,}→", "dim"), (f"{share.balanced:,}", "bold"))
    if by_demand:
        said.append(f" (sold {share.demand:,}, weighs {share.weight:,})", style="dim")
    return said


def _standing(epoch: share_pb2.Epoch) -> Text:
    return Text("") if epoch.in_force or not epoch.epoch else Text("not in force yet", style="yellow")


async def followed(session: Session, after: revisions.Revision | None) -> AsyncGenerator[contract.WatchEpochsResponse]:
    """Divisions after a mark, None for all that are kept, and then those to come. Raises Fenced."""

    def opened(after: revisions.Revision | None) -> Any:
        request = contract.WatchEpochsRequest(after=None if after is None else after.to_wire())
        return session.partitioning.WatchEpochs(request)

    async with aclosing(watch(opened, after=after, through=_through, newer=later)) as messages:
        async for message in messages:
            yield message


async def follow(session: Session, asked: Asked, *, past: bool, count: int | None) -> AsyncGenerator[Answer]:
    """One answer for each division: those to come, or with `past` all that are kept, too."""
    answered = 0
    try:
        after = None if past else await newest(session)
        async with aclosing(followed(session, after)) as messages:
            async for message in messages:
                for epoch in filter(asked.means, message.epochs):
                    yield Answer(document(epoch), list(_told(epoch)))
                    answered += 1
                    if answered == count:
                        return
    except Fenced as fence:
        told = {"refusal": {"reason": fence.reason, "message": str(fence)}}
        yield Answer(told, [Text.assemble(("Refused: ", "bold red"), str(fence))], REFUSED)


def _through(message: contract.WatchEpochsResponse) -> revisions.Revision:
    return revisions.from_wire(message.through)


async def newest(session: Session) -> revisions.Revision:
    """The mark of the newest epoch."""
    return revisions.from_wire(
        (await session.partitioning.ListEpochs(contract.ListEpochsRequest(page_size=1))).revision
    )


def _told(epoch: share_pb2.Epoch) -> Iterator[Text]:
    """A division as it happens."""
    yield Text.assemble(
        (str(epoch.epoch).rjust(8), "dim"), "  ", tables.product(epoch.product.owner, epoch.product.sku),
        (" from ", "dim"), epoch.warehouse_group, (f"  {_why(epoch)}: ", "dim"), f"{epoch.supply:,}  ", _shares(epoch),
    )  # fmt: skip


async def rebalance(session: Session, products: Sequence[stock_pb2.Product], *, check: bool) -> Answer:
    """Divide supplies anew, of these products or of all that are divided at an instant, and tell what moved."""
    request = contract.RebalanceRequest(request_id=session.change(), products=products, validate_only=check)
    last = contract.RebalanceResponse()
    epochs: list[share_pb2.Epoch] = []
    with paper(stderr=True).status("Dividing anew ...") as status:
        async for last in session.partitioning.Rebalance(request):
            epochs += last.epochs
            _progress(status, last)
    shown: list[RenderableType] = [_outcome(last, check=check)]
    if epochs:
        shown.append(epoch_table(epochs[:EPOCHS_SHOWN]))
    if len(epochs) > EPOCHS_SHOWN:
        shown.append(Text(f"and {len(epochs) - EPOCHS_SHOWN:,} more (--json prints all)", style="dim"))
    note = "only checked, nothing was changed" if check else ""
    shown.append(tables.footnote(last.revision, request_id=session.request_id, note=note))
    told = {**document(last, without=("epochs",)), "epochs": [document(each) for each in epochs]}
    return Answer({"request_id": session.request_id, **told}, shown)


def _progress(status: Status, told: contract.RebalanceResponse) -> None:
    status.update(f"{told.seen:,} of {told.supplies:,} supplies looked at, {told.divided:,} divided anew")


def _outcome(told: contract.RebalanceResponse, *, check: bool) -> Text:
    looked = f"{told.supplies:,} {'supply' if told.supplies == 1 else 'supplies'} looked at"
    if not told.divided:
        return Text(f"{looked}, nothing would move." if told.supplies else "Nothing is divided at an instant.")
    would = "would be divided anew" if check else "divided anew"
    moved = f"{tables.counted(told.moved, 'unit')} {'would change' if check else 'changed'} hands."
    return Text.assemble(("✓ ", "green"), f"{looked}, {told.divided:,} {would}; {moved}")


def _why(found: share_pb2.Epoch | share_pb2.Share) -> str:
    return word(found, "reason").lower()


def _divided(found: share_pb2.Epoch | share_pb2.Share) -> Text:
    """Why and when."""
    return Text(", ".join(filter(None, (_why(found), tables.time(found.create_time)))), style="dim")


def _key(share: share_pb2.Share) -> Key:
    return share.product.owner, share.product.sku, share.warehouse_group
