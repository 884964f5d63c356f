"""Makes levels due that are so already, or need not be: what a run and a retry do."""

from __future__ import annotations

from weir_sync.domain.records import Trigger

_DUE = """
made AS (
    INSERT INTO records (tenant, connection, store_sku, owner, sku, trigger, reason, before, after, rule, run)
    SELECT $1, connection, store_sku, owner, sku, {cause}, told, level, rule, {run} FROM chosen
    ORDER BY connection, store_sku
    RETURNING record, connection, store_sku
), skipped AS (
    UPDATE records r SET status = 'SKIPPED', ended_at = clock_timestamp(), changed = pg_current_xact_id()
    FROM chosen c
    WHERE r.tenant = $1 AND r.record = c.record AND r.status = 'PENDING' AND c.sent_record IS DISTINCT FROM c.record
), due AS (
    UPDATE levels l SET record = m.record, status = 'PENDING', error = '', tries = 0, due_at = clock_timestamp(),
        number = greatest(l.number + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    FROM made m
    WHERE l.tenant = $1 AND l.connection = m.connection AND l.store_sku = m.store_sku
)
"""
REASONS = {Trigger.SCHEDULE: "schedule", Trigger.REQUEST: "request", Trigger.RETRY: "retry"}
"""What is said of why."""


def due(*, trigger: str, reason: str, run: str) -> str:
    """Parts of a statement that make due what is `chosen`, rows of `levels` that it has locked: each with a record, in
    `made`; a record before that was not sent is skipped. Trigger, reason and run are parameters of the statement.
    """
    return _DUE.format(cause=f"{trigger}, {reason}", run=run)
