"""What stores were to be told, and what became of it; pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from weir_sync.domain.rules import Product


class Trigger(enum.StrEnum):
    """Why something is sent or taken in."""

    CHANGE = "CHANGE"
    CONFIGURATION = "CONFIGURATION"
    COVERED = "COVERED"
    SCHEDULE = "SCHEDULE"
    REQUEST = "REQUEST"
    RETRY = "RETRY"
    DRIFT = "DRIFT"


class RecordStatus(enum.StrEnum):
    """What became of it."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Record:
    """A level that a store was to be told, and what became of it; `before` is what it was told before, None: nothing.

    `record` is higher for later ones of a SKU; `sent_at` and `ended_at` are None before.
    """

    record: int
    connection: str
    store_sku: str
    product: Product
    trigger: Trigger
    reason: str
    before: int | None
    after: int
    rule: str
    status: RecordStatus
    error: str
    tries: int
    created_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None


class RecordQuery(NamedTuple):
    """Which records are meant: those that have all that is named, and fell due within the two moments."""

    connection: str = ""
    store_sku: str = ""
    status: RecordStatus | None = None
    trigger: Trigger | None = None
    since: datetime | None = None
    until: datetime | None = None
