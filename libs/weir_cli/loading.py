"""Bring a merchant into the suite: judge the folder whole, arrange the network, receive the stock."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.progress import Progress, TaskID
from rich.text import Text

from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir_cli import tables
from weir_cli.documents import document
from weir_cli.merchant.arranging import arrangement
from weir_cli.merchant.folder import read_folder
from weir_cli.merchant.rules import faults, notes
from weir_cli.merchant.state import Step
from weir_cli.merchant.values import Delivery, FolderFaults, Merchant
from weir_cli.moving import movement, stock_item
from weir_cli.options import USAGE
from weir_cli.paper import bars
from weir_cli.session import Answer, Session
from weir_cli.surveying import survey

BATCH = 500
IN_FLIGHT = 4
FAULTS_SHOWN = 50


async def load(session: Session, folder: Path, *, dry_run: bool) -> Answer:
    """Load `folder`, or only say what would be done; every fault of it at once where it cannot be loaded."""
    try:
        merchant, found = read_folder(folder)
        state = await survey(session, merchant.tables)
        found += faults(merchant, state.known())
        if found:
            raise FolderFaults(found)
    except FolderFaults as wrong:
        return faulty(wrong)
    steps = arrangement(merchant, state)
    batches = deliveries(merchant, prefix=session.request_id if session.named else None)
    if dry_run:
        return _planned(merchant, steps, batches)
    done = await carry_out(session, steps, batches, quiet=session.options.json)
    return _done(merchant, steps, done)


def deliveries(merchant: Merchant, *, prefix: str | None) -> list[ledger_service_pb2.RecordMovementsRequest]:
    """The stock of a folder as RECEIVE movements, in batches whose request ids are made from the whole content.

    The same lines in the same order give the same requests, so that repeating them changes nothing. With `prefix` the
    ids begin with it instead, which makes the same content another delivery.
    """
    lines = [each for each in merchant.stock or () if each.quantity]
    content = hashlib.sha256(f"{BATCH}".encode())
    for each in lines:
        content.update("\0".join((*each.item, str(each.quantity))).encode() + b"\n")
    name = prefix or f"load-{content.hexdigest()[:40]}"
    reference = f"weir load {content.hexdigest()[:12]}"
    return [
        ledger_service_pb2.RecordMovementsRequest(
            request_id=f"{name}-{start // BATCH + 1:06d}",
            movements=[_received(each, reference) for each in lines[start : start + BATCH]],
        )
        for start in range(0, len(lines), BATCH)
    ]


def _received(each: Delivery, reference: str) -> ledger_pb2.Movement:
    item = stock_item(
        each.sku, each.location, owner=each.owner, lot=each.lot, uom=each.uom, custodian=each.custodian,
        condition=each.condition,
    )  # fmt: skip
    return movement("RECEIVE", item, each.quantity, reference=reference)


class Done:
    """What a load has done so far."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.received = 0
        self.repeated = 0
        self.revisions: dict[str, Any] = {}

    def saw(self, revision: Any) -> None:
        """Keep the newest revision of each context."""
        former = self.revisions.get(revision.context)
        if former is None or former.number < revision.number:
            self.revisions[revision.context] = revision


async def carry_out(
    session: Session,
    steps: Sequence[Step],
    batches: Sequence[ledger_service_pb2.RecordMovementsRequest],
    *,
    quiet: bool,
) -> Done:
    """Take the steps one after the other, then receive the batches, a few at a time."""
    done = Done()
    with bars(quiet=quiet) as progress:
        network = progress.add_task("configured", total=len(steps))
        stock = progress.add_task("stock", total=sum(len(each.movements) for each in batches))
        for step in steps:
            request = iter([step.request]) if step.streamed else step.request
            response = await getattr(getattr(session, step.service), step.method)(request)
            done.saw(response.revision)
            progress.advance(network)
        head = await session.head()
        done.saw(head)
        waiting = list(reversed(batches))
        workers = [
            asyncio.create_task(_receive(session, waiting, done, progress, stock, head.number))
            for _ in range(IN_FLIGHT)
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
    return done


async def _receive(
    session: Session,
    waiting: list[ledger_service_pb2.RecordMovementsRequest],
    done: Done,
    progress: Progress,
    task: TaskID,
    head: int,
) -> None:
    while waiting:
        batch = waiting.pop()
        response = await session.ledger.RecordMovements(batch)
        done.saw(response.revision)
        if response.revision.number <= head:  # the outcome of an earlier load, told again
            done.repeated += len(batch.movements)
        else:
            done.received += len(batch.movements)
        progress.advance(task, len(batch.movements))


def faulty(wrong: FolderFaults) -> Answer:
    """Everything that is wrong with a folder."""
    shown: list[RenderableType] = [
        Text.assemble((f"{each.file}:{each.line}" if each.line else each.file, "bold"), "  ", each.description)
        for each in wrong.faults[:FAULTS_SHOWN]
    ]
    if len(wrong.faults) > FAULTS_SHOWN:
        shown.append(Text(f"... and {len(wrong.faults) - FAULTS_SHOWN} more (--json prints all).", style="dim"))
    shown.append(Text(f"{tables.counted(len(wrong.faults), 'fault')}; nothing was loaded.", style="bold red"))
    return Answer(
        {"faults": [{"file": e.file, "line": e.line, "description": e.description} for e in wrong.faults]},
        shown,
        USAGE,
    )


def _counted(steps: Sequence[Step]) -> dict[str, dict[str, int]]:
    counts = Counter((step.subject, step.action) for step in steps)
    told: dict[str, dict[str, int]] = {}
    for (subject, action), count in counts.items():
        told.setdefault(subject, {})[action] = count
    return told


def _planned(
    merchant: Merchant, steps: Sequence[Step], batches: Sequence[ledger_service_pb2.RecordMovementsRequest]
) -> Answer:
    lines = sum(len(batch.movements) for batch in batches)
    made = tables.table("would be", "what", "which")
    for step in steps:
        made.add_row(step.action, step.subject, step.name)
    units = sum(each.quantity for each in merchant.stock or ())
    told = f"{tables.counted(lines, 'line')} of stock would be received ({tables.counted(units, 'unit')}), unless this"
    told += " content was received before."
    return Answer(
        {"dry_run": True, "network": _counted(steps), "lines": lines, "units": units, "notes": notes(merchant)},
        [made, Text(told), *_noted(merchant), Text("Nothing was changed.", style="bold")],
    )


def _done(merchant: Merchant, steps: Sequence[Step], done: Done) -> Answer:
    network = _counted(steps)
    said = [f"{subject} {_actions(actions)}" for subject, actions in network.items()]
    shown: list[RenderableType] = [
        Text.assemble(("✓ ", "green"), f"Configured: {'; '.join(said) if said else 'everything stands already'}.")
    ]
    if merchant.stock is not None:
        units = sum(each.quantity for each in merchant.stock)
        if done.received or not done.repeated:
            told = f"Stock: {tables.counted(done.received, 'line')} received ({units:,} units in the folder)"
            told += f", {done.repeated:,} had been received before." if done.repeated else "."
        else:
            told = f"Stock: {tables.counted(done.repeated, 'line')} received before; nothing was added."
        shown.append(Text.assemble(("✓ ", "green"), told))
    revisions = list(done.revisions.values())
    return Answer(
        {
            "dry_run": False,
            "network": network,
            "received": done.received,
            "repeated": done.repeated,
            "notes": notes(merchant),
            "revisions": [document(each) for each in revisions],
        },
        [*shown, *_noted(merchant), tables.footnote(*revisions)],
    )


def _actions(actions: dict[str, int]) -> str:
    return ", ".join(f"{count} {action}" for action, count in actions.items())


def _noted(merchant: Merchant) -> list[RenderableType]:
    return [Text.assemble(("! ", "yellow"), note) for note in notes(merchant)]
