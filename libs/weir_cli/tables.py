"""What people see: tables with few lines, numbers to the right, what is usual left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from weir.common.v1 import revision_pb2, stock_pb2
from weir.ledger.v1 import ledger_pb2, reservation_pb2, waiting_pb2
from weir_allocation.claims import read
from weir_cli.documents import word

Cell = str | Text

KEPT_WHOLE = (
    "product",
    "location",
    "reservation",
    "waiting",
    "state",
    "status",
    "due",
    "kind",
    "variable",
    "transfer",
    "case",
    "usage",
    "notification",
    "stocking order",
    "custody",
    "custodian",
    "connection",
    "store SKU",
    "record",
    "run",
    "alert",
    "store order",
)
"""Columns that are cut last: what stands there is copied."""


def table(*columns: str) -> Table:
    """An empty table; a column whose name begins with `#` holds numbers."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        number = column.startswith("#")
        made.add_column(
            column.removeprefix("#"),
            justify="right" if number else "left",
            no_wrap=number or column in KEPT_WHOLE,
            overflow="fold",
            header_style="bold dim",
        )
    return made


def number(value: int, *, faint: bool = True) -> Text:
    """A count with its thousands set apart; zero stands back."""
    return Text(f"{value:,}".replace(",", "\u202f"), style="dim" if faint and value == 0 else "")


def counted(value: int, thing: str) -> str:
    """A number of things in words: `1 line`, `892 lines`."""
    return f"{value:,} {thing}" if value == 1 else f"{value:,} {thing}s"


def change(value: int) -> Text:
    """A difference with its sign; none is blank."""
    if value == 0:
        return Text("")
    return Text(f"{value:+,}".replace(",", "\u202f"), style="green" if value > 0 else "red")


def product(owner: str, sku: str) -> Text:
    """A product; the owner is named where it is not the tenant."""
    return Text.assemble((f"{owner}/", "dim") if owner else "", sku)


def details(item: stock_pb2.StockItem, *, custody: bool = True) -> Text:
    """What sets a stock item apart from the plain one of its product and location; with or without its custodian."""
    said = [
        f"lot {item.lot}" if item.lot else "",
        item.uom if item.uom not in ("", "EACH") else "",
        f"custody {item.custodian}" if custody and item.custodian else "",
        word(item, "condition") if item.condition > stock_pb2.CONDITION_SELLABLE else "",
    ]
    return Text(", ".join(filter(None, said)), style="yellow")


def time(timestamp: Timestamp) -> str:
    """A moment in this machine's time zone, to the second; blank where it is unset."""
    if not timestamp.seconds:
        return ""
    moment = datetime.fromtimestamp(timestamp.seconds, UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def balances(found: Iterable[ledger_pb2.Balance]) -> Table:
    """Counts of stock items; last days only where there are some."""
    rows = list(found)
    dated = any(each.expiry_date for each in rows)
    days = ["last day"] if dated else []
    made = table("product", "location", "", *days, "#on hand", "#reserved", "#available", "#shortfall", "#revision")
    for each in rows:
        item = each.stock_item
        made.add_row(
            product(item.product.owner, item.product.sku), item.location, details(item),
            *([each.expiry_date] if dated else []), number(each.on_hand), number(each.reserved),
            Text(number(each.available).plain, style="bold"),
            Text(f"{each.shortfall}", style="bold red") if each.shortfall else "",
            Text(str(each.changed_revision), style="dim"),
        )  # fmt: skip
    return made


def shortfall(found: ledger_pb2.Shortfall) -> list[RenderableType]:
    """One stock item that is short, with the promises it hits."""
    item = found.stock_item
    head = Text.assemble(
        product(item.product.owner, item.product.sku), f"@{item.location} ", details(item), "  ",
        (f"{found.shortfall:,} short", "bold red"),
        (f"  on hand {found.on_hand:,}, reserved {found.reserved:,}, since {time(found.open_time)}", "dim"),
    )  # fmt: skip
    made = table("reservation", "#line", "order", "channel", "#open", "#missing", "made")
    for each in found.hits:
        made.add_row(
            each.reservation, str(each.line), each.order, each.channel, number(each.open),
            Text(f"{each.missing:,}", style="red"), time(each.create_time),
        )  # fmt: skip
    return [head, made, *([Text("  and more", style="dim")] if found.more_hits else [])]


def claims(found: Iterable[reservation_pb2.Claim]) -> Table:
    """What is claimed under keys, and how much may be where that was ever set."""
    counts = list(found)
    bounded = any(each.epoch for each in counts)
    more = ("#ceiling", "#epoch", "stands for") if bounded else ()
    made = table("claim", "#claimed", "#open", "#fulfilled", "#revision", *more)
    for each in counts:
        ceiling = number(each.ceiling, faint=False) if each.HasField("ceiling") else Text("none", style="dim")
        bound = (ceiling, Text(str(each.epoch or ""), style="dim"), stands_for(each.subject)) if bounded else ()
        made.add_row(
            each.claim, Text(number(each.open + each.fulfilled).plain, style="bold"), number(each.open),
            number(each.fulfilled), Text(str(each.changed_revision or ""), style="dim"), *bound,
        )  # fmt: skip
    return made


def stands_for(subject: str) -> Text:
    """What a claim counts, in words where it is a share's."""
    share = read(subject)
    if share is None:
        return Text(subject)
    each = f", {share.scale} for each" if share.scale != 1 else ""
    said = f" of {share.warehouse_group} for {share.channel_group}{each}"
    return Text.assemble(product(*share.product), (said, "dim"))


def reservation(found: reservation_pb2.Reservation) -> list[RenderableType]:
    """One reservation with its lines."""
    more = [
        name
        for name, said in (
            ("handed over", any(line.HasField("handed_over_time") for line in found.lines)),
            ("claims", any(line.claims for line in found.lines)),
        )
        if said
    ]
    made = table("#line", "product", "location", "", "#promised", "#open", "#fulfilled", "#released", *more)
    for line in found.lines:
        item = line.stock_item
        promised = number(line.quantity)
        if line.quantity < line.requested:
            promised = Text(f"{line.quantity} of {line.requested}", style="yellow")
        made.add_row(
            str(line.line), product(item.product.owner, item.product.sku), item.location, details(item),
            promised, number(line.open), number(line.fulfilled), number(line.released),
            *({"handed over": time(line.handed_over_time), "claims": _claimed(line)}[name] for name in more),
        )  # fmt: skip
    return [promise(found), made]


def promise(found: reservation_pb2.Reservation) -> Text:
    """What a reservation is, without its lines."""
    until = ("until", time(found.expire_time))
    return _headed(found.reservation, state(found), ("order", found.order), ("channel", found.channel), until)


def demand(found: waiting_pb2.Waiting) -> Text:
    """What a waiting demand is, without its lines."""
    whole = ("promised", "all at once" if found.whole else "")
    since = ("since", time(found.create_time))
    return _headed(found.waiting, state(found), ("order", found.order), ("channel", found.channel), since, whole)


def _headed(name: str, state: Text, *said: tuple[str, str]) -> Text:
    head = Text.assemble((name, "bold"), "  ", state)
    for label, value in said:
        if value:
            head.append_text(Text.assemble((f"  {label} ", "dim"), value))
    return head


def _claimed(line: reservation_pb2.ReservationLine) -> str:
    return ", ".join(map(_claim, line.claims))


def _claim(found: reservation_pb2.LineClaim) -> str:
    said = f"{found.claim} up to {found.ceiling:,}" if found.HasField("ceiling") else found.claim
    return f"{said}, {found.weight:,} for each" if found.weight > 1 else said


_STATE_STYLES = {
    "HELD": "yellow", "CONFIRMED": "green", "FULFILLED": "blue", "EXPIRED": "red", "RELEASED": "dim",
    "WAITING": "yellow", "PROMISED": "green", "CANCELLED": "dim", "REQUESTED": "yellow", "PENDING": "yellow",
    "ACCEPTED": "green", "DECLINED": "red", "RETURNED": "blue", "OPEN": "green", "CLOSED": "dim",
    "REPORTED": "yellow", "SHORT": "bold red", "UNREADABLE": "bold red",
    "SUCCEEDED": "green", "FAILED": "bold red", "SKIPPED": "dim",
}  # fmt: skip


def state(found: Message, field: str = "state") -> Text:
    """How far a reservation, a waiting demand, a transfer, a case, an order or a record has come, or an alert."""
    name = word(found, field)
    return Text(name, style=_STATE_STYLES.get(name, ""))


def entries(found: Iterable[ledger_pb2.Entry]) -> Table:
    """Lines of the books."""
    made = table(
        "#revision", "#line", "kind", "account", "product", "location", "", "#on hand", "#reserved", "time", "by"
    )
    for each in found:
        made.add_row(*entry(each))
    return made


def entry(each: ledger_pb2.Entry) -> Sequence[Cell]:
    """The cells of one line of the books."""
    item = each.stock_item
    stock = each.account == ledger_pb2.ACCOUNT_STOCK
    return (
        str(each.revision), str(each.line), word(each, "kind"),
        Text(word(each, "account"), style="" if stock else "dim"),
        product(item.product.owner, item.product.sku), item.location, details(item), change(each.on_hand_delta),
        change(each.reserved_delta), time(each.occurred_time), each.reservation or each.reference,
    )  # fmt: skip


def footnote(*revisions: revision_pb2.Revision, request_id: str = "", note: str = "") -> Text:
    """Where in history the answer stands, and the name of the attempt."""
    told = [f"{each.context} revision {each.number}" for each in revisions]
    if request_id:
        told.append(f"request {request_id}")
    if note:
        told.append(note)
    return Text(" · ".join(told), style="dim")
