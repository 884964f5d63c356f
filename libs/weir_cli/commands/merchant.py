"""The verb that brings a merchant in from CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weir_cli.options import RequestId, options_of

app = typer.Typer()
PANEL = "Stock"


HELP = "\n\n".join(
    (
        "Load a merchant from CSV files: checked whole first, then brought in; safe to repeat.",
        "\b\nlocations.csv  location, kind, (display_name), (policy)\n"
        "groups.csv     warehouse_group, location, (display_name)\n"
        "channels.csv   channel, kind, (channel_group), (display_name)\n"
        "links.csv      warehouse_group, channel_group\n"
        "stock.csv      sku, location, quantity, (owner), (lot), (uom),\n"
        "               (custodian), (condition)",
        "Columns in brackets may be left out, and any file but one; what an absent file would say is taken from the"
        " suite. Locations, groups, channels and links become as the folder says; nothing is removed.",
        "Stock is a delivery: every line is RECEIVED, added to what is there, under request ids made from the content"
        " of stock.csv. So loading the same folder again changes nothing, and a load that was broken off goes on where"
        " it was; but a stock.csv that was changed is another delivery. To receive the same content once more, give a"
        " --request-id of its own.",
    )
)


@app.command(rich_help_panel=PANEL, help=HELP)
def load(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of CSV files.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line and say what would be done.")] = False,
    request_id: RequestId = None,
) -> None:
    """Load a folder; the help says how."""
    from weir_cli import loading
    from weir_cli.session import perform

    options = options_of(context)
    perform(options, lambda session: loading.load(session, folder, dry_run=dry_run), request_id=request_id)
