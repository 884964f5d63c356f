"""The words of enumerations, in the contract and in the domain."""

from __future__ import annotations

from collections.abc import Mapping

from weir.sync.v1 import connection_pb2, sync_pb2
from weir.sync.v1 import rule_pb2 as pb
from weir_sync.domain.alerts import AlertKind
from weir_sync.domain.connections import ConnectorKind, LeftOut, Role
from weir_sync.domain.health import BreakerState
from weir_sync.domain.records import RecordStatus, Trigger
from weir_sync.domain.rules import Rounding, WarningCode

ROUNDINGS_TOLD: Mapping[Rounding, pb.Rounding.ValueType] = {
    Rounding.DOWN: pb.ROUNDING_DOWN,
    Rounding.UP: pb.ROUNDING_UP,
    Rounding.NEAREST: pb.ROUNDING_NEAREST,
}
WARNING_CODES_TOLD: Mapping[WarningCode, pb.Warning.Code.ValueType] = {
    WarningCode.PRIORITY_IGNORED: pb.Warning.CODE_PRIORITY_IGNORED,
}
ROUNDINGS: Mapping[int, Rounding] = {value: rounding for rounding, value in ROUNDINGS_TOLD.items()}
TRIGGERS_TOLD: Mapping[Trigger, sync_pb2.Trigger.ValueType] = {
    Trigger.CHANGE: sync_pb2.TRIGGER_CHANGE,
    Trigger.CONFIGURATION: sync_pb2.TRIGGER_CONFIGURATION,
    Trigger.COVERED: sync_pb2.TRIGGER_COVERED,
    Trigger.SCHEDULE: sync_pb2.TRIGGER_SCHEDULE,
    Trigger.REQUEST: sync_pb2.TRIGGER_REQUEST,
    Trigger.RETRY: sync_pb2.TRIGGER_RETRY,
    Trigger.DRIFT: sync_pb2.TRIGGER_DRIFT,
}
TRIGGERS: Mapping[int, Trigger] = {value: trigger for trigger, value in TRIGGERS_TOLD.items()}
RECORD_STATUSES_TOLD: Mapping[RecordStatus, sync_pb2.RecordStatus.ValueType] = {
    RecordStatus.PENDING: sync_pb2.RECORD_STATUS_PENDING,
    RecordStatus.SUCCEEDED: sync_pb2.RECORD_STATUS_SUCCEEDED,
    RecordStatus.FAILED: sync_pb2.RECORD_STATUS_FAILED,
    RecordStatus.SKIPPED: sync_pb2.RECORD_STATUS_SKIPPED,
}
RECORD_STATUSES: Mapping[int, RecordStatus] = {value: status for status, value in RECORD_STATUSES_TOLD.items()}
ALERT_KINDS_TOLD: Mapping[AlertKind, sync_pb2.SyncAlert.Kind.ValueType] = {
    AlertKind.LEVEL_FAILED: sync_pb2.SyncAlert.KIND_LEVEL_FAILED,
    AlertKind.CONNECTION_AWAY: sync_pb2.SyncAlert.KIND_CONNECTION_AWAY,
    AlertKind.FEED_LATE: sync_pb2.SyncAlert.KIND_FEED_LATE,
    AlertKind.ORDER_SHORT: sync_pb2.SyncAlert.KIND_ORDER_SHORT,
    AlertKind.ORDER_UNREADABLE: sync_pb2.SyncAlert.KIND_ORDER_UNREADABLE,
}

ROLES_TOLD: Mapping[Role, connection_pb2.ConnectionRole.ValueType] = {
    Role.STORE: connection_pb2.CONNECTION_ROLE_STORE,
    Role.WAREHOUSE: connection_pb2.CONNECTION_ROLE_WAREHOUSE,
}
ROLES: Mapping[int, Role] = {value: role for role, value in ROLES_TOLD.items()}

CONNECTOR_KINDS_TOLD: Mapping[ConnectorKind, connection_pb2.ConnectorKind.ValueType] = {
    ConnectorKind.SHOPIFY: connection_pb2.CONNECTOR_KIND_SHOPIFY,
    ConnectorKind.WOOCOMMERCE: connection_pb2.CONNECTOR_KIND_WOOCOMMERCE,
    ConnectorKind.MEDUSA: connection_pb2.CONNECTOR_KIND_MEDUSA,
    ConnectorKind.OSCAR: connection_pb2.CONNECTOR_KIND_OSCAR,
    ConnectorKind.WEBHOOK: connection_pb2.CONNECTOR_KIND_WEBHOOK,
    ConnectorKind.CSV_FOLDER: connection_pb2.CONNECTOR_KIND_CSV_FOLDER,
    ConnectorKind.SFTP: connection_pb2.CONNECTOR_KIND_SFTP,
    ConnectorKind.TRYTON: connection_pb2.CONNECTOR_KIND_TRYTON,
    ConnectorKind.GRPC: connection_pb2.CONNECTOR_KIND_GRPC,
}
CONNECTOR_KINDS: Mapping[int, ConnectorKind] = {value: kind for kind, value in CONNECTOR_KINDS_TOLD.items()}

LEFT_OUT_TOLD: Mapping[LeftOut, connection_pb2.LeftOut.ValueType] = {
    LeftOut.HANDED_OVER: connection_pb2.LEFT_OUT_HANDED_OVER,
    LeftOut.ALL: connection_pb2.LEFT_OUT_ALL,
    LeftOut.NONE: connection_pb2.LEFT_OUT_NONE,
}
LEFT_OUT: Mapping[int, LeftOut] = {value: left_out for left_out, value in LEFT_OUT_TOLD.items()}

BREAKER_STATES_TOLD: Mapping[BreakerState, connection_pb2.ConnectionHealth.State.ValueType] = {
    BreakerState.CLOSED: connection_pb2.ConnectionHealth.STATE_CLOSED,
    BreakerState.OPEN: connection_pb2.ConnectionHealth.STATE_OPEN,
    BreakerState.HALF_OPEN: connection_pb2.ConnectionHealth.STATE_HALF_OPEN,
}
