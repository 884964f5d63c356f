"""Say what the services read from their environment, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from weir_chassis.settings import DatabaseSettings, Row, SettingsFaults, describe
from weir_cli.paper import paper
from weir_cli.services import Service


def print_variables(services: Sequence[Service], *, as_json: bool) -> None:
    """Every variable once, with the services that read it and the default each has for it."""
    from weir_cli.serving import variables

    merged: dict[str, tuple[Row, dict[str, str]]] = {}
    for service in services:
        for row in variables(service):
            merged.setdefault(row.name, (row, {}))[1][service.name] = row.default
    _print([(row, defaults) for row, defaults in merged.values()], as_json=as_json)


def print_database_variables(*, as_json: bool) -> None:
    """Every variable that says where the books are."""
    _print([(row, {"migrate": row.default}) for row in describe(DatabaseSettings)], as_json=as_json)


def print_faults(faults: SettingsFaults) -> None:
    """Everything that is wrong with the environment."""
    console = paper(stderr=True)
    for fault in faults.faults:
        console.print(Text.assemble((fault.name, "bold"), "  ", fault.description))
    console.print(Text("The environment cannot be used; nothing was done.", style="bold red"))


def _print(rows: list[tuple[Row, dict[str, str]]], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"settings": [_document(row, defaults) for row, defaults in rows]}) + "\n")
        return
    from weir_cli import tables

    made = tables.table("variable", "default", "meaning", "read by")
    for row, defaults in rows:
        default = row.default if len(set(defaults.values())) == 1 else ", ".join(defaults.values())
        meaning = (
            f"{row.description} Secret; {row.name}_FILE may name a file instead." if row.secret else row.description
        )
        made.add_row(row.name, default, meaning, Text(", ".join(defaults), style="dim"))
    paper().print(made)


def _document(row: Row, defaults: dict[str, str]) -> dict[str, Any]:
    return {"name": row.name, "description": row.description, "secret": row.secret, "defaults": defaults}
