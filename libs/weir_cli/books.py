"""The books themselves: their lines, old and new, and whether they agree with themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.options import OK, REFUSED
from weir_cli.paging import listed
from weir_cli.session import Answer, Session


async def entries(session: Session, asked: ledger_service_pb2.ListEntriesRequest, *, limit: int) -> Answer:
    """Lines of the books, oldest first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.ledger.ListEntries, asked, "entries", limit=limit)
    return Answer(found.document, [tables.entries(found.found), found.footnote])


async def head(session: Session, save: Path | None) -> Answer:
    """The newest commit's place in the chain of digests, signed; `save` appends it to a file."""
    response = await session.ledger.GetSignedHead(ledger_service_pb2.GetSignedHeadRequest())
    if save is not None:
        with save.open("a") as file:
            file.write(f"{response.signed_head}\n")
    made = Text.assemble(
        (f"{response.head.digest.hex()}", "bold"), ("  revision ", "dim"), str(response.head.revision.number),
        ("  recorded ", "dim"), tables.time(response.head.recorded_time) or "never",
    )  # fmt: skip
    kept = response.signed_head if save is None else Text(f"The signed head was added to {save}.", style="dim")
    return Answer(document(response), [made, kept])


def signed_heads(files: Sequence[Path]) -> list[str]:
    """The newest head of each file that `head` wrote: it stands for all before it. Raises OSError and ValueError."""
    found = []
    for file in files:
        heads = file.read_text(errors="replace").split()
        if not heads:
            raise ValueError(f"{file} holds no head.")
        found.append(heads[-1])
    return found


async def verify(session: Session, heads: Sequence[str]) -> Answer:
    """Audit the books, and that `heads` stand in their chain; the exit status is 1 where they do not agree."""
    differences: list[ledger_pb2.Difference] = []
    verification = ledger_pb2.Verification()
    complete = False
    async for message in session.ledger.VerifyBooks(ledger_service_pb2.VerifyBooksRequest(signed_heads=heads)):
        if message.HasField("difference"):
            differences.append(message.difference)
        else:
            verification, complete = message.verification, True
    well = complete and not differences and verification.differences == 0
    shown: list[RenderableType] = [verdict(verification, well=well)]
    if differences:
        shown.append(_differences(differences))
    shown.append(tables.footnote(verification.revision))
    return Answer(
        {
            "well": well,
            "differences": [document(each) for each in differences],
            "verification": document(verification),
        },
        shown,
        OK if well else REFUSED,
    )


def verdict(found: ledger_pb2.Verification, *, well: bool) -> Text:
    """The outcome of an audit in a sentence."""
    if well:
        return Text.assemble(("✓ The books agree with themselves: ", "green"), looked_at(found), ", no difference.")
    told = f", {tables.counted(found.differences, 'difference')}."
    return Text.assemble(("✗ The books differ: ", "bold red"), looked_at(found), told)


def looked_at(found: ledger_pb2.Verification) -> str:
    """What an audit went through."""
    return (
        f"{found.entries:,} entries folded, {tables.counted(found.balances, 'balance')} and"
        f" {tables.counted(found.reservation_lines, 'reservation line')} compared"
    )


def _differences(found: list[ledger_pb2.Difference]) -> RenderableType:
    made = tables.table("law", "product", "location", "", "#booked", "#computed", "what")
    for each in found:
        item = each.stock_item
        made.add_row(
            word(each, "law"), tables.product(item.product.owner, item.product.sku), item.location,
            tables.details(item), str(each.booked), str(each.computed), each.sentence,
        )  # fmt: skip
    return made
