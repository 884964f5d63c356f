"""Verbs of what warehouses report: import a snapshot, and see what became of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weir_cli.commands.stock import PANEL, Condition
from weir_cli.options import CheckOnly, Limit, moment, options_of

if TYPE_CHECKING:
    from weir.ledger.v1.snapshot_pb2 import SnapshotFeed

app = typer.Typer()

HELP = "\n\n".join(
    (
        "Import what a warehouse reports: absolute figures, however many and however late.",
        "\b\nFILE is CSV with a row of column names, `-` is the standard input:\n"
        "sku, location, quantity, (owner), (lot), (uom), (custodian),\n"
        "(condition), (as_of, when the figure was true, as ISO 8601)",
        "Each figure becomes the units on hand as of its moment; what moved after that is added again. A figure of a"
        " stock item that was counted or reported since is stale: kept on record, not applied.",
        "Rows that cannot be read are all told before anything is sent. What the ledger refuses is told by line, and"
        " stops no other line unless --all-or-nothing; the exit status then is 1.",
        "The request id is made from the content and the options that say what it means. So the same line again goes"
        " on where it was broken off, or changes nothing; a stream that breaks is resumed by itself.",
    )
)


class Basis(StrEnum):
    """What figures count."""

    ON_HAND = "on-hand"
    AVAILABLE = "available"


class Deduction(StrEnum):
    """Which promised units a warehouse has left out of what is available."""

    HANDED_OVER = "handed-over"
    ALL = "all"
    NONE = "none"


class Absent(StrEnum):
    """What becomes of stock items that are not named."""

    LEAVE = "leave"
    ZERO = "zero"


class State(StrEnum):
    """Why a line was not applied."""

    STALE = "STALE"
    REFUSED = "REFUSED"


@app.command(rich_help_panel=PANEL, help=HELP)
def snapshot(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The figures; the help says how.")],
    basis: Annotated[
        Basis, typer.Option(case_sensitive=False, help="Units on hand, or those the warehouse may still give away.")
    ],
    as_of: Annotated[
        datetime | None,
        typer.Option(
            parser=moment, metavar="MOMENT", help="When the figures were true, where a row does not say it itself."
        ),
    ] = None,
    deduction: Annotated[
        Deduction | None,
        typer.Option(
            case_sensitive=False,
            help="Promised units it has left out of what is available. Default: of lines handed over by then.",
        ),
    ] = None,
    all_or_nothing: Annotated[bool, typer.Option("--all-or-nothing", help="Apply no line if any is bad.")] = False,
    full: Annotated[
        list[str] | None,
        typer.Option(metavar="LOCATION", help="The file names all that lies there; may be given several times."),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="What is full is so for this customer's goods only; '' is the tenant.")
    ] = None,
    condition: Annotated[
        list[Condition] | None,
        typer.Option(
            case_sensitive=False, help="And for goods in this state. Default: sellable. Several are possible."
        ),
    ] = None,
    absent: Annotated[
        Absent, typer.Option(case_sensitive=False, help="What becomes of stock items it should name, and does not.")
    ] = Absent.LEAVE,
    reference: Annotated[str, typer.Option(help="A reference of your own.", show_default=False)] = "",
    send_good: Annotated[
        bool, typer.Option("--send-good", help="Send the rows that can be read though others cannot.")
    ] = False,
    request_id: Annotated[
        str | None,
        typer.Option("--request-id", help="Name of this attempt. Default: made from the content.", show_default=False),
    ] = None,
    check: CheckOnly = False,
    limit: Limit = 200,
) -> None:
    """Import a snapshot; the help says how."""
    _require(deduction is None or basis is Basis.AVAILABLE, "--deduction goes with --basis available only.")
    _require(absent is Absent.LEAVE or bool(full), "--absent zero needs --full: a location that is named whole.")
    _require(absent is Absent.LEAVE or as_of is not None, "--absent zero needs --as-of: when there was nothing left.")
    _require(bool(full) or (owner is None and not condition), "--owner and --condition say what of --full is named.")
    _require(not (send_good and all_or_nothing), "--send-good and --all-or-nothing contradict one another.")
    from weir_cli.session import perform
    from weir_cli.snapshot import importing

    feed = _feed(basis, deduction, absent, all_or_nothing=all_or_nothing, reference=reference)
    _say_full(feed, full or (), owner, condition or ())
    wish = importing.Wish(feed, as_of, send_good=send_good, check=check, limit=limit)
    perform(options_of(context), lambda session: importing.snapshot(session, file, wish), request_id=request_id)


def _feed(
    basis: Basis, deduction: Deduction | None, absent: Absent, *, all_or_nothing: bool, reference: str
) -> SnapshotFeed:
    """What the figures mean, but for what they are complete for."""
    from weir.ledger.v1 import snapshot_pb2

    feed = snapshot_pb2.SnapshotFeed(
        basis=snapshot_pb2.SnapshotBasis.Value(f"SNAPSHOT_BASIS_{basis.name}"),
        all_or_nothing=all_or_nothing,
        reference=reference,
    )
    if deduction is not None:
        feed.deduction = snapshot_pb2.SnapshotDeduction.Value(f"SNAPSHOT_DEDUCTION_{deduction.name}")
    if absent is Absent.ZERO:
        feed.absent_items = snapshot_pb2.ABSENT_ITEMS_SET_TO_ZERO
    return feed


def _say_full(feed: SnapshotFeed, locations: Sequence[str], owner: str | None, states: Sequence[Condition]) -> None:
    """Say that the figures name all that lies at some locations, of an owner and in some states."""
    from weir_cli.moving import stock_item

    conditions = [stock_item("", "", condition=each).condition for each in states]
    for location in locations:
        feed.full_scopes.add(location=location, owner=owner, conditions=conditions)


@app.command(rich_help_panel=PANEL)
def imported(
    context: typer.Context,
    request_id: Annotated[str, typer.Argument(metavar="REQUEST-ID", help="As snapshot printed it.")],
    state: Annotated[
        State | None, typer.Option(case_sensitive=False, help="Only lines that were this. Default: both.")
    ] = None,
    limit: Limit = 200,
) -> None:
    """Show how far the import of a snapshot has come, and its lines that were not applied."""
    from weir_cli.session import perform
    from weir_cli.snapshot import telling

    perform(options_of(context), lambda session: telling.imported(session, request_id, state or "", limit=limit))


def _require(held: bool, sentence: str) -> None:
    if not held:
        raise typer.BadParameter(sentence)
