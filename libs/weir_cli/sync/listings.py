"""What a SKU of a store or warehouse is: one by one, and as a file."""

from __future__ import annotations

import csv
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import grpc
from rich.console import RenderableType
from rich.progress import Progress
from rich.text import Text

from weir.common.v1 import stock_pb2
from weir.sync.v1 import listing_pb2, listing_service_pb2
from weir_chassis import status
from weir_cli import tables
from weir_cli.options import REFUSED, USAGE
from weir_cli.paging import listed
from weir_cli.paper import bars
from weir_cli.session import Answer, Session, changed
from weir_cli.sheets import Column, SheetUnreadable, flag, identifier, opened, optional, rows
from weir_cli.snapshot.file import STANDARD_INPUT, content

COLUMNS = (
    Column("store_sku", identifier),
    Column("sku", identifier),
    Column("owner", optional(identifier), required=False),
    Column("disabled", flag, required=False),
)
LISTINGS_MAX = 1000
"""Listings that one message may carry."""
FAULTS_SHOWN = 50
FAULTS_KEPT = 10_000


async def listings(session: Session, asked: listing_service_pb2.ListListingsRequest, *, limit: int) -> Answer:
    """Listings, `limit` at most; `asked` carries the filters."""
    found = await listed(session.listings.ListListings, asked, "listings", limit=limit)
    return Answer(found.document, [_table(found.found), found.footnote])


async def set_listing(session: Session, wanted: listing_pb2.Listing, *, check: bool) -> Answer:
    """Say what a SKU is."""
    request = listing_service_pb2.SetListingRequest(request_id=session.change(), listing=wanted, validate_only=check)
    response = await session.listings.SetListing(request)
    return changed(session, response, [_table([response.listing])], check=check)


async def remove(session: Session, connection: str, store_sku: str, *, check: bool) -> Answer:
    """Remove a listing."""
    request = listing_service_pb2.DeleteListingRequest(
        request_id=session.change(), connection=connection, store_sku=store_sku, validate_only=check
    )
    response = await session.listings.DeleteListing(request)
    return changed(session, response, [Text(f"{store_sku} of {connection} is listed no more.")], check=check)


@dataclass(slots=True)
class _Judged:
    """Where in a file each listing stands, and what is wrong with it by line."""

    lines: list[int] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def line(self, number: int) -> int:
        """The line of the listing of this number, from 1; 0 where there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else 0


async def import_file(session: Session, connection: str, path: Path, *, replace: bool, check: bool) -> Answer:
    """Import listings out of a file, all of them or with every bad line named none."""
    name = "standard input" if path == STANDARD_INPUT else str(path)
    try:
        with content(path) as source:
            file = ListingFile(opened(source))
            judged = file.judge()
            if judged.faults:
                return _faulty(name, judged.faults, "imported", USAGE)
            with bars(quiet=session.options.json) as progress:
                sending = _Sending(session, connection, file, progress, len(judged.lines), replace=replace)
                try:
                    response = await sending.send(check=check)
                except grpc.aio.AioRpcError as error:
                    if status.reason(error) != "LISTINGS_REFUSED":
                        raise
                    response = await sending.send(check=True)  # which tells all that is wrong, not the first hundred
    except SheetUnreadable as fault:
        return _faulty(name, [(fault.line, str(fault))], "imported", USAGE)
    except OSError as error:
        return _faulty(name, [(0, f"cannot be read: {error.strerror}.")], "imported", USAGE)
    if response.faults:
        told = [(judged.line(each.line), _described(each)) for each in response.faults]
        return _faulty(name, told, "imported", REFUSED)
    counts = f"{response.added:,} added, {response.changed:,} changed, {response.removed:,} removed"
    verb = "would be taken" if check else "taken"
    said = Text.assemble(("✓ ", "green"), f"{tables.counted(len(judged.lines), 'listing')} {verb}: {counts}.")
    return changed(session, response, [said], check=check)


def _described(fault: listing_pb2.ListingFault) -> str:
    return f"{fault.field}: {fault.description}" if fault.field else fault.description


def _faulty(name: str, faults: Sequence[tuple[int, str]], verb: str, exit_status: int) -> Answer:
    shown: list[RenderableType] = [
        Text.assemble((f"{name}:{line}" if line else name, "bold"), "  ", description)
        for line, description in faults[:FAULTS_SHOWN]
    ]
    if len(faults) > FAULTS_SHOWN:
        shown.append(Text(f"... and more (--json prints {len(faults)}).", style="dim"))
    shown.append(Text(f"Nothing was {verb}.", style="bold red"))
    told = [{"file": name, "line": line, "description": description} for line, description in faults]
    return Answer({"faults": told}, shown, exit_status)


class ListingFile:
    """A file of listings, which can be read again and again, one line of it in memory at a time."""

    def __init__(self, text: TextIO) -> None:
        """Read from `text`."""
        self._text = text

    def judge(self) -> _Judged:
        """Read the whole file. Raises SheetUnreadable."""
        judged = _Judged()

        def fault(line: int, told: str) -> None:
            if len(judged.faults) < FAULTS_KEPT:
                judged.faults.append((line, told))

        self._text.seek(0)
        for line, _ in rows(self._text, COLUMNS, fault):
            judged.lines.append(line)
        if not judged.lines:
            fault(0, "holds no listing.")
        return judged

    def batches(self) -> Iterator[list[listing_pb2.Listing]]:
        """The listings, as many together as a message may carry."""
        batch: list[listing_pb2.Listing] = []
        self._text.seek(0)
        for _, cells in rows(self._text, COLUMNS, lambda *_: None):
            if len(batch) == LISTINGS_MAX:
                yield batch
                batch = []
            batch.append(listing(**cells))
        yield batch


def listing(*, store_sku: str, sku: str, owner: str = "", disabled: str = "NO") -> listing_pb2.Listing:
    """A row as a listing."""
    product = stock_pb2.Product(owner=owner, sku=sku)
    return listing_pb2.Listing(store_sku=store_sku, product=product, disabled=disabled == "YES")


@dataclass(slots=True)
class _Sending:
    """One import of a file."""

    session: Session
    connection: str
    file: ListingFile
    progress: Progress
    count: int
    replace: bool

    async def send(self, *, check: bool) -> listing_service_pb2.ImportListingsResponse:
        """Send the whole file, or have it checked."""
        task = self.progress.add_task("checked" if check else "listings", total=self.count)
        request_id = self.session.request_id if check else self.session.change()

        async def messages() -> AsyncIterator[listing_service_pb2.ImportListingsRequest]:
            for number, batch in enumerate(self.file.batches()):
                request = listing_service_pb2.ImportListingsRequest(listings=batch)
                if number == 0:
                    request.request_id, request.connection = request_id, self.connection
                    request.replace, request.validate_only = self.replace, check
                yield request
                self.progress.advance(task, len(batch))

        return await self.session.listings.ImportListings(messages())


async def export_file(session: Session, connection: str, path: Path, *, replace: bool) -> Answer:
    """Write all listings of a connection into a file, as it can be imported again; whole or not at all."""
    if _stands(path) and not replace:
        told = f"{path} is there already; nothing was written. --replace writes over it."
        return Answer({"file": str(path), "there": True}, [Text(told, style="bold red")], USAGE)
    count = 0
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([column.name for column in COLUMNS])
            request = listing_service_pb2.ExportListingsRequest(connection=connection)
            async for part in session.listings.ExportListings(request):
                writer.writerows(map(_cells, part.listings))
                count += len(part.listings)
        draft.replace(path)
    except OSError as error:
        return _faulty(str(path), [(0, f"cannot be written: {error.strerror}.")], "written", USAGE)
    finally:
        draft.unlink(missing_ok=True)
    told = f"{tables.counted(count, 'listing')} written to {path}."
    return Answer({"file": str(path), "listings": count}, [Text(told)])


def _stands(path: Path) -> bool:
    return path.exists()


def _cells(each: listing_pb2.Listing) -> list[str]:
    return [each.store_sku, each.product.sku, each.product.owner, "YES" if each.disabled else ""]


def _table(found: Iterable[listing_pb2.Listing]) -> RenderableType:
    made = tables.table("connection", "store SKU", "product", "")
    for each in found:
        made.add_row(
            each.connection, each.store_sku, tables.product(each.product.owner, each.product.sku),
            Text("disabled", style="yellow") if each.disabled else "",
        )  # fmt: skip
    return made
