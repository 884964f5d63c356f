"""Write what the suite holds as the folder that `weir load` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.text import Text

from weir.ledger.v1 import ledger_service_pb2
from weir_cli import tables
from weir_cli.merchant.values import FILES, STOCK
from weir_cli.merchant.writing import delivered, sheet
from weir_cli.merchant.writing import tables as written
from weir_cli.options import REFUSED, USAGE
from weir_cli.paging import listed
from weir_cli.session import Answer, Session
from weir_cli.surveying import survey


async def export(session: Session, folder: Path, *, stock: bool, replace: bool) -> Answer:
    """Every table of configuration, with `stock` also what lies where; files that are there only with `replace`."""
    there = _there(folder)
    if there and not replace:
        told = f"{folder} holds {', '.join(there)} already; nothing was written. --replace writes over them."
        return Answer({"folder": str(folder), "there": there}, [Text(told, style="bold red")], USAGE)
    state = await survey(session)
    try:
        files = written(state)
    except ValueError as fault:
        return Answer({"folder": str(folder), "fault": str(fault)}, [Text(str(fault), style="bold red")], REFUSED)
    if stock:
        balances = await listed(session.ledger.ListBalances, ledger_service_pb2.ListBalancesRequest(), "balances")
        files[STOCK] = sheet(STOCK, delivered(each for each in balances.found if each.on_hand > 0))
    _write(folder, files)
    counts = {name: content.count("\n") - 1 for name, content in files.items()}
    made = tables.table("file", "#lines")
    for name, count in counts.items():
        made.add_row(name, tables.number(count))
    lost = sorted(set(state.settings) - set(state.locations))
    notes = [f"{', '.join(lost)}: has a policy, but is no location of the ledger; it was left out."] if lost else []
    return Answer(
        {"folder": str(folder), "files": counts, "notes": notes},
        [made, Text(f"Written to {folder}."), *(Text.assemble(("! ", "yellow"), note) for note in notes)],
    )


def _there(folder: Path) -> list[str]:
    return [name for name in FILES if (folder / name).exists()]


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8", newline="")
