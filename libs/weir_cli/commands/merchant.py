"""Verbs of a merchant as a folder of CSV files: bring it in, write it down, see what it would change."""

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
        "\b\nlocations.csv        location, kind, (display_name), (policy)\n"
        "groups.csv           warehouse_group, location, (display_name)\n"
        "channel_groups.csv   channel_group, (display_name)\n"
        "channels.csv         channel, kind, (channel_group), (display_name)\n"
        "links.csv            warehouse_group, channel_group\n"
        "bundles.csv          bundle, component, quantity, (owner), (component_owner)\n"
        "product_links.csv    source, destination, (source_owner), (destination_owner),\n"
        "                     (bidirectional), (locations), (priority), (keep_back),\n"
        "                     (shares_bundles), (disabled)\n"
        "lots.csv             sku, lot, expiry_date, (owner)\n"
        "back_orders.csv      sku, limit (units that may wait, over all orders), (owner)\n"
        "policies.csv         policy, strategy, (priority), (display_name), (mode),\n"
        "                     (buffer_units), (buffer_percent), (disabled), (enforce),\n"
        "                     (threshold_percent), (hysteresis_units),\n"
        "                     (rebalance_interval), (demand_days), (damping_percent)\n"
        "policy_parts.csv     policy, channel_group, (rank), (weight), (percent),\n"
        "                     (minimum), (quantity), (cap), (protected_percent)\n"
        "policy_products.csv  policy, sku, (owner)\n"
        "rules.csv            rule, stores, (priority), (display_name), (warehouses),\n"
        "                     (threshold), (rate_percent), (constant), (rounding),\n"
        "                     (priority_store), (priority_quantity), (disabled)\n"
        "rule_products.csv    rule, sku, (owner)\n"
        "limits.csv           store, limit (DENY, ALLOW, MAX), (sku), (owner), (quantity)\n"
        "users.csv            user, role (ADMINISTRATOR, DISTRIBUTOR, REP),\n"
        "                     (display_name), (channel)\n"
        "pools.csv            pool, hub, (members), (display_name), (access_hub_stock)\n"
        "connections.csv      connection, role (STORE, WAREHOUSE), kind, (channel),\n"
        "                     (settings, as NAME=TEXT), (push_levels), (take_orders),\n"
        "                     (pull_stock), (figures), (left_out), (absent_is_zero),\n"
        "                     (owner), (late_after), (late_buffer_percent), (display_name)\n"
        "facilities.csv       connection, facility, location\n"
        "schedules.csv        connection, schedule, (every), (cron), (time_zone), (full),\n"
        "                     (disabled)\n"
        "listings.csv         connection, store_sku, sku, (owner), (disabled)\n"
        "stock.csv            sku, location, quantity, (owner), (lot), (uom),\n"
        "                     (custodian), (condition)",
        "Columns in brackets may be left out, and any file but one; what an absent file would say is taken from the"
        " suite. Everything becomes as the folder says; nothing is removed. Cells that name several have commas between"
        " them.",
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


@app.command(rich_help_panel=PANEL)
def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; made where it is not there.")],
    stock: Annotated[bool, typer.Option("--stock", help="Also what lies where: for another suite.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write over files that are there.")] = False,
) -> None:
    """Write the configuration as the files that `weir load` reads: loading them again changes nothing.

    With --stock a stock.csv is written too: what it holds is received once more by a suite that loads it.
    """
    from weir_cli import exporting
    from weir_cli.session import perform

    perform(options_of(context), lambda session: exporting.export(session, folder, stock=stock, replace=replace))
