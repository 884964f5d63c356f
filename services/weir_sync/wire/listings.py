"""Listings: messages to domain, refusing all bad fields at once, and back.

What is wrong with a message of an import refuses the import at once; what is wrong with its lines is noted, line by
line, until there are no more.
"""

from __future__ import annotations

import hashlib

from weir.common.v1 import stock_pb2
from weir.sync.v1 import listing_pb2 as pb
from weir.sync.v1 import listing_service_pb2 as service_pb
from weir_chassis import call
from weir_chassis.configuration.objects import Where
from weir_chassis.configuration.wire import attempt
from weir_chassis.errors import Malformed
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Vector, at_least
from weir_sync.domain.imports import FAULTS_MAX, Fault, Faults, Lines
from weir_sync.domain.listings import Listing

LINES_MAX = 1000


def listing(request: service_pb.SetListingRequest) -> tuple[Attempt, Listing]:
    """A listing as it shall be."""
    with Fields() as fields:
        fields.required(request, "listing")
        asked, inner = request.listing, fields.inner("listing")
        inner.required(asked, "product")
        owner, sku = _product(inner.inner("product"), asked.product)
        return attempt(fields, request), Listing(
            inner.identifier("connection", asked.connection),
            inner.identifier("store_sku", asked.store_sku),
            owner,
            sku,
            asked.disabled,
            etag=inner.identifier("etag", asked.etag, optional=True),
        )


def listings(request: service_pb.ListListingsRequest) -> tuple[Where, Vector]:
    """What the listings must have that are listed, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        where = {"connection": fields.identifier("connection", request.connection, optional=True)}
        where = {name: value for name, value in where.items() if value}
        if request.HasField("product"):
            where["owner"], where["sku"] = _product(fields.inner("product"), request.product)
        return where, at_least(fields, request.freshness)


def export(request: service_pb.ExportListingsRequest) -> tuple[str, Vector]:
    """The connection whose listings are exported, and how fresh."""
    with Fields() as fields:
        return fields.identifier("connection", request.connection), at_least(fields, request.freshness)


class Upload:
    """An import as its messages come in: what the first one says, and what is wrong with the lines so far."""

    def __init__(self, first: service_pb.ImportListingsRequest) -> None:
        """Raises Malformed where the first message names no attempt or no connection."""
        with Fields() as fields:
            self.request_id = fields.request_id(first.request_id)
            self.connection = fields.identifier("connection", first.connection)
            try:
                fields.check()
            except Malformed:  # leaving tells it again, with what is wrong with the lines
                for each, line in fields.each("listings", first.listings, least=0, most=LINES_MAX):
                    _row(each, line, self.connection)
        self.replace = first.replace
        self.validate_only = first.validate_only
        self._first = first
        self._next_line = 1
        self._faults: list[Fault] = []
        self._fault_count = 0
        self._contents = hashlib.blake2b(digest_size=16)
        opening = service_pb.ImportListingsRequest(connection=first.connection, replace=first.replace)
        self._add(opening.SerializeToString(deterministic=True))

    @property
    def count(self) -> int:
        """How many lines there were so far."""
        return self._next_line - 1

    @property
    def faults(self) -> Faults:
        """What is wrong with the lines so far, each by itself."""
        return Faults(self._fault_count, tuple(self._faults))

    @property
    def attempt(self) -> Attempt:
        """The caller's try; its contents are all lines so far, however they are dealt to messages."""
        current = call.current()
        return Attempt(current.principal.tenant, current.method, self.request_id, self._contents.digest())

    def lines(self, message: service_pb.ImportListingsRequest) -> Lines:
        """The lines of the next message; raises Malformed where they are too many, or it says what only the first may
        say.
        """
        with Fields() as fields:
            if len(message.listings) > LINES_MAX:
                fields.refuse("listings", f"Up to {LINES_MAX} of them, not {len(message.listings)}.")
            if message is not self._first:
                self._check_next(fields, message)
        first_line, asked = self._next_line, message.listings
        self._next_line += len(asked)
        fields = Fields()
        rows = [self._line(fields, line, each) for line, each in enumerate(asked, first_line)]
        return Lines(first_line, *map(list, zip(*rows, strict=True))) if rows else Lines(first_line, [], [], [], [])

    def _check_next(self, fields: Fields, message: service_pb.ImportListingsRequest) -> None:
        for name in ("request_id", "connection"):
            if getattr(message, name) not in ("", getattr(self._first, name)):
                fields.refuse(name, "Not the one of the first message.")
        for name in ("replace", "validate_only"):
            if getattr(message, name) and not getattr(self._first, name):
                fields.refuse(name, "Only in the first message.")

    def _line(self, fields: Fields, line: int, asked: pb.Listing) -> tuple[str, str, str, bool]:
        self._add(asked.SerializeToString(deterministic=True))
        row = _row(fields, asked, self.connection)
        if found := fields.taken():
            self._fault_count += len(found)
            room = FAULTS_MAX - len(self._faults)
            self._faults += [Fault(line, each.field, each.description) for each in found[:room]]
        return row

    def _add(self, content: bytes) -> None:
        self._contents.update(len(content).to_bytes(4, "big") + content)


def to_listing(listing: Listing) -> pb.Listing:
    """A listing."""
    return pb.Listing(
        connection=listing.connection,
        store_sku=listing.store_sku,
        product=stock_pb2.Product(owner=listing.owner, sku=listing.sku),
        disabled=listing.disabled,
        etag=listing.etag,
    )


def to_fault(fault: Fault) -> pb.ListingFault:
    """What is wrong with a line."""
    return pb.ListingFault(line=fault.line, field=fault.field, description=fault.description)


def _row(fields: Fields, asked: pb.Listing, connection: str) -> tuple[str, str, str, bool]:
    """A line of an import; where its SKU is no good it is empty."""
    if asked.connection not in ("", connection):
        fields.refuse("connection", "Not the one of the import.")
    store_sku = fields.identifier("store_sku", asked.store_sku)
    owner = fields.identifier("product.owner", asked.product.owner, optional=True)
    sku = fields.identifier("product.sku", asked.product.sku)
    fields.identifier("etag", asked.etag, optional=True)
    return store_sku if store_sku == asked.store_sku else "", owner, sku, asked.disabled


def _product(fields: Fields, asked: stock_pb2.Product) -> tuple[str, str]:
    return fields.identifier("owner", asked.owner, optional=True), fields.identifier("sku", asked.sku)
