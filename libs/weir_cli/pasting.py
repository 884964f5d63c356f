"""Lines to paste while a demo stays up: calls that work on the sample merchant, with the addresses that hold now."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from weir_cli.touring import SELLER, SKU, SOURCE
from weir_cli.upping import exports


@dataclass(frozen=True, slots=True)
class Recipe:
    """One call to paste: what it shows, whom it asks, its method and message."""

    what: str
    service: str
    method: str
    message: str


def calls() -> list[Recipe]:
    """Calls that work on the sample merchant, one of them refused."""
    item = f'{{"product": {{"sku": "{SKU}"}}, "location": "{SOURCE}"}}'
    product = f'"product": {{"sku": "{SKU}"}}'
    return [
        Recipe("What may webshop-de sell?", "aggregator", "weir.aggregator.v1.AvailabilityService/GetAvailability",
               f'{{{product}, "channel": "webshop-de"}}'),
        Recipe("Receive 20 more.", "ledger", "weir.ledger.v1.LedgerService/RecordMovements",
               f'{{"request_id": "paste-1", "movements": [{{"kind": "ENTRY_KIND_RECEIVE", "stock_item": {item},'
               ' "quantity": 20}]}'),
        Recipe("Promise 3 to an order.", "aggregator", "weir.aggregator.v1.FulfilmentService/ReserveFulfilment",
               f'{{"request_id": "paste-2", "wish": {{"channel": "{SELLER}", "lines": [{{{product}, "quantity": 3}}]}}'
               "}"),
        Recipe("Ask for too many, and see a refusal.", "ledger", "weir.ledger.v1.ReservationService/Reserve",
               f'{{"request_id": "paste-3", "draft": {{"lines": [{{"stock_item": {item}, "quantity": 5000}}]}}}}'),
        Recipe("Watch levels change.", "aggregator", "weir.aggregator.v1.AvailabilityService/WatchLevels", "{}"),
    ]  # fmt: skip


def recipes(addresses: Mapping[str, str]) -> list[Text]:
    """Lines to paste into another terminal, with the addresses that hold now."""
    parts = [Text("\nThe suite stays up. In another terminal, from here:", style="bold")]
    weir = f"{exports(addresses)}{_program('weir')}"
    for verb in (
        "status",
        f"explain {SKU} {SELLER}",
        f"order place {SKU}=3 --channel {SELLER} --order A-1004",
        "shares",
        "custody rosa",
        "watch levels",
    ):
        parts.append(Text(f"  {weir} {verb}", style="cyan"))
    parts.append(Text("\nWith grpcurl, or any client that knows reflection:", style="bold"))
    parts += [_said(each.what, grpcurl(each, addresses)) for each in calls()]
    parts.append(Text("\nWith buf curl, which is here already:", style="bold"))
    parts += [_said(each.what, shlex.join(buf_curl(each, addresses))) for each in calls()]
    parts.append(Text("\nCtrl-C ends everything.", style="bold"))
    return parts


def grpcurl(call: Recipe, addresses: Mapping[str, str]) -> str:
    """The call as a line for grpcurl."""
    return shlex.join(["grpcurl", "-plaintext", "-d", call.message, addresses[call.service], call.method])


def buf_curl(call: Recipe, addresses: Mapping[str, str]) -> Sequence[str]:
    """The call as words for `buf curl`."""
    url = f"http://{addresses[call.service]}/{call.method}"
    return [_program("buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", call.message, url]


def _said(what: str, command: str) -> Text:
    return Text.assemble((f"  # {what}\n", "dim"), (f"  {command}", "cyan"))


def _program(name: str) -> str:
    """A program of our own environment, as short as it can be written from here."""
    found = Path(sys.executable).parent / name
    if not found.exists():
        return name
    here = Path.cwd()
    return str(found.relative_to(here)) if found.is_relative_to(here) else str(found)
