"""Runs, records, alerts and views: messages to domain, refusing all bad fields at once, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from weir.common.v1 import stock_pb2
from weir.sync.v1 import sync_pb2 as pb
from weir.sync.v1 import sync_service_pb2 as service_pb
from weir_chassis.configuration.wire import attempt
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt
from weir_sync.domain.alerts import Alert
from weir_sync.domain.records import Record, RecordQuery
from weir_sync.domain.rules import Product
from weir_sync.domain.runs import Run, Wish
from weir_sync.domain.views import ChannelQuery, ChannelRow, Counts, ReportedStock, StockQuery
from weir_sync.wire.words import ALERT_KINDS_TOLD, RECORD_STATUSES, RECORD_STATUSES_TOLD, TRIGGERS, TRIGGERS_TOLD

CONNECTIONS_MAX = 1000
SKUS_MAX = 1000
RECORDS_MAX = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Retry(NamedTuple):
    """What shall be sent again: what these records say of, or else all that failed of a connection, or of all."""

    records: Sequence[str]
    connection: str


def run_sync(request: service_pb.RunSyncRequest) -> tuple[Attempt, Wish]:
    """What shall be synchronised."""
    with Fields() as fields:
        return attempt(fields, request), Wish(
            tuple(sorted(fields.identifiers("connections", request.connections, most=CONNECTIONS_MAX))),
            request.full,
            tuple(sorted(fields.identifiers("store_skus", request.store_skus, most=SKUS_MAX))),
        )


def run(request: service_pb.GetRunRequest) -> str:
    """The run that is meant."""
    with Fields() as fields:
        return fields.identifier("run", request.run)


def listed(request: service_pb.ListRunsRequest | service_pb.ListAlertsRequest) -> str:
    """The connection whose things are listed; empty: all."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        return fields.identifier("connection", request.connection, optional=True)


def watched(request: service_pb.WatchRecordsRequest | service_pb.WatchAlertsRequest) -> str:
    """The connection whose things are watched; empty: all."""
    with Fields() as fields:
        return fields.identifier("connection", request.connection, optional=True)


def records(request: service_pb.ListRecordsRequest) -> RecordQuery:
    """Which records are meant."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        return RecordQuery(
            fields.identifier("connection", request.connection, optional=True),
            fields.identifier("store_sku", request.store_sku, optional=True),
            fields.enum("status", request.status, RECORD_STATUSES) if request.status else None,
            fields.enum("trigger", request.trigger, TRIGGERS) if request.trigger else None,
            fields.timestamp(request, "from_time"),
            fields.timestamp(request, "until_time"),
        )


def retry(request: service_pb.RetryRecordsRequest) -> tuple[Attempt, Retry]:
    """What shall be sent again."""
    with Fields() as fields:
        return attempt(fields, request), Retry(
            fields.identifiers("records", request.records, most=RECORDS_MAX),
            fields.identifier("connection", request.connection, optional=True),
        )


def close_alert(request: service_pb.CloseAlertRequest) -> tuple[Attempt, str]:
    """The alert that shall be closed."""
    with Fields() as fields:
        return attempt(fields, request), fields.identifier("alert", request.alert)


def channel_rows(request: service_pb.ListChannelRowsRequest) -> ChannelQuery:
    """Which listings are meant."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        product = None
        if request.HasField("product"):
            inner = fields.inner("product")
            product = Product(
                inner.identifier("owner", request.product.owner, optional=True),
                inner.identifier("sku", request.product.sku),
            )
        return ChannelQuery(
            fields.identifier("connection", request.connection, optional=True),
            fields.enum("status", request.status, RECORD_STATUSES) if request.status else None,
            product,
            request.differing,
        )


def warehouse_rows(request: service_pb.ListWarehouseRowsRequest) -> StockQuery:
    """Which lines are meant."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        return StockQuery(
            fields.identifier("connection", request.connection, optional=True),
            fields.identifier("facility", request.facility, optional=True),
            request.faulty,
        )


def to_run(run: Run) -> pb.Run:
    """A run."""
    return pb.Run(
        run=run.run,
        connection=run.connection,
        full=run.full,
        trigger=TRIGGERS_TOLD[run.trigger],
        total=run.progress.total,
        settled=run.progress.settled,
        failed=run.progress.failed,
        unchanged=run.progress.unchanged,
        done=run.ended_at is not None,
        error=run.error,
        create_time=_instant(run.created_at),
        end_time=_instant(run.ended_at),
    )


def to_record(record: Record) -> pb.SyncRecord:
    """A record."""
    return pb.SyncRecord(
        record=str(record.record),
        connection=record.connection,
        store_sku=record.store_sku,
        product=_product(record.product),
        trigger=TRIGGERS_TOLD[record.trigger],
        reason=record.reason,
        before=record.before,
        after=record.after,
        rule=record.rule,
        status=RECORD_STATUSES_TOLD[record.status],
        error=record.error,
        tries=record.tries,
        create_time=_instant(record.created_at),
        send_time=_instant(record.sent_at),
        end_time=_instant(record.ended_at),
    )


def to_alert(alert: Alert) -> pb.SyncAlert:
    """An alert."""
    return pb.SyncAlert(
        alert=alert.alert,
        kind=ALERT_KINDS_TOLD[alert.kind],
        connection=alert.connection,
        subject=alert.subject,
        sentence=alert.sentence,
        open_time=_instant(alert.opened_at),
        close_time=_instant(alert.closed_at),
    )


def to_channel_row(row: ChannelRow) -> pb.ChannelRow:
    """A listing of a store."""
    return pb.ChannelRow(
        connection=row.connection,
        store_sku=row.store_sku,
        product=_product(row.product),
        level=row.level,
        told=row.told,
        tell_time=_instant(row.told_at),
        verified=row.verified,
        status=RECORD_STATUSES_TOLD[row.status] if row.status else pb.RECORD_STATUS_UNSPECIFIED,
        error=row.error,
        reserved=row.reserved,
        unreported=row.unreported,
    )


def to_warehouse_row(row: ReportedStock, counts: Counts) -> pb.WarehouseRow:
    """A line of a warehouse, and what the ledger has there."""
    return pb.WarehouseRow(
        connection=row.connection,
        sku=row.sku,
        facility=row.facility,
        location=row.location,
        product=_product(row.product),
        reported=row.reported,
        report_time=_instant(row.reported_at),
        on_hand=counts.on_hand,
        available=counts.available,
        error=row.error,
    )


def microseconds(moment: datetime) -> int:
    """An instant as a part of a place in a list."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: str | int) -> datetime:
    """The instant that a part of a place in a list stands for."""
    return _EPOCH + int(microseconds) * _MICROSECOND


def _product(product: Product) -> stock_pb2.Product:
    return stock_pb2.Product(owner=product.owner, sku=product.sku)


def _instant(moment: datetime | None) -> Timestamp | None:
    """An instant as a message; None where there is none."""
    if moment is None:
        return None
    message = Timestamp()
    message.FromDatetime(moment)
    return message
