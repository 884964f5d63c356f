"""Verbs of the books: their lines, and whether they agree with themselves."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from weir_cli.options import Limit, Owner, moment, options_of

app = typer.Typer()
PANEL = "Books"


class Kind(StrEnum):
    """What moved."""

    RECEIVE = "RECEIVE"
    SHIP = "SHIP"
    TRANSFER = "TRANSFER"
    COUNT = "COUNT"
    ADJUST = "ADJUST"
    CONSUME = "CONSUME"
    RETURN = "RETURN"
    RESERVE = "RESERVE"
    RELEASE = "RELEASE"
    EXPIRE = "EXPIRE"
    FULFIL = "FULFIL"
    RESTORE = "RESTORE"


@app.command(rich_help_panel=PANEL)
def entries(
    context: typer.Context,
    sku: Annotated[str, typer.Argument(metavar="SKU", help="Only of this product.", show_default=False)] = "",
    owner: Owner = "",
    location: Annotated[str, typer.Option(help="Only at this location.", show_default=False)] = "",
    reservation: Annotated[str, typer.Option(help="Only of this reservation.", show_default=False)] = "",
    kind: Annotated[
        list[Kind] | None, typer.Option(case_sensitive=False, help="Only of this kind; may be given several times.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, metavar="REVISION", help="Only after this revision of the ledger.")] = 0,
    since: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="MOMENT", help="Only recorded then or later.")
    ] = None,
    limit: Limit = 200,
) -> None:
    """Show the lines of the books, oldest first."""
    from weir.common.v1 import stock_pb2
    from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
    from weir_cli import books
    from weir_cli.session import perform

    asked = ledger_service_pb2.ListEntriesRequest(
        product=stock_pb2.Product(owner=owner, sku=sku) if sku else None,
        location=location,
        reservation=reservation,
        kinds=[ledger_pb2.EntryKind.Value(f"ENTRY_KIND_{each}") for each in kind or ()],
        after_revision=after,
    )
    if since is not None:
        asked.recorded_after_time.FromDatetime(since)
    perform(options_of(context), lambda session: books.entries(session, asked, limit=limit))


@app.command(rich_help_panel=PANEL)
def verify(
    context: typer.Context,
    head: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A head that `weir head --save` kept must stand in the chain; up to 10."),
    ] = None,
) -> None:
    """Audit the books while work goes on; exit status 1 where they do not agree with themselves."""
    from weir_cli import books
    from weir_cli.session import perform

    try:
        heads = books.signed_heads(head or ())
    except OSError as error:
        raise typer.BadParameter(f"{error.filename} cannot be read: {error.strerror}.") from None
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
    perform(options_of(context), lambda session: books.verify(session, heads))


@app.command(rich_help_panel=PANEL)
def head(
    context: typer.Context,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Add the signed head to this file, for `weir verify --head`.")
    ] = None,
) -> None:
    """Show the newest commit's digest, signed: it stands for the whole history. Keep it where the database is not."""
    from weir_cli import books
    from weir_cli.session import perform

    perform(options_of(context), lambda session: books.head(session, save))
