"""Levels of stores, what was recorded of them, and who tells them.

**levels**: a row for each SKU of a store that has ever had a level. What it is to show:

* `owner`, `sku`: the product that it is. `level`: what the aggregator says it is to show; null: it is told nothing
  (denied, not listed any more), and stays as it was told last. `rule`: the rule in force by which; empty: none.
* `record`: the newest record of it. `status`: what became of that: PENDING while it is to be sent, on its way, or taken
  by the store and not shown yet; SUCCEEDED; FAILED. `error`: why it failed last; empty after a success.
* `due_at`: when it is to be sent, or sent again; null: nothing is due. `tries`: how often this record failed by itself.
* `number`: rises with every change of what is due and with every sending. It is of the order of the microseconds since
  1970, so that it rises also where a row was removed and made again, or an older state of these tables was restored.

What it shows:

* `told`, `told_at`: what the store was told last and took, and when; null: never.
* `shown`, `shown_number`: what it showed when it was heard of last: the level it took, or what was read back; and the
  number of the level that it had applied last then, where it tells; null: unknown.
* `sold_after`: units of its orders that came in since then. So it should show `shown - sold_after` now.
* `unreported`, `unreported_at`: units that were seen sold there and of which no order has come in, and when the last of
  them was seen. They are kept back: it is sent `level - unreported`, 0 at least.
* `verified`: it was seen to show what it was told. `check_at`: when it is to be read back; null: not at all. `checks`:
  how often it was read back in vain since it was told.

What is on its way:

* `fence`: the number of the lease under which it is being sent; null: it is not.
* `sent`, `sent_record`: the quantity that was sent last, and for which record, as long as it is not known whether the
  store shows it: on its way (`fence`), taken and not shown yet, or in doubt. `sent_number`: the number under which it,
  or anything, was sent last; as long as it is not `number` while the SKU is on its way, nothing has left yet.
* `stray`, `stray_number`: a quantity that was sent, of which nothing was heard, and which may still come to be shown,
  and its number; null: none.

**records**: what stores were to be told, each of one level, and what became of it; `record` rises, `changed` is the
transaction that changed it last, `run` the run that it was begun for, or empty. `before` is what was told before (null:
nothing), `after` is the level that it was begun for; `reason` says in a few words what changed: the contexts whose
revisions moved and to where ("ledger 1042"), or who asked. `rule` is the one in force when it fell due.

**level_sales**: units of orders of stores that came in, until the levels rest on a revision of the ledger that has them
promised: only then are they taken from what was unreported, or added to what was sold after. A level that does not know
of them yet would otherwise give them back.

**follows**: up to where levels of the aggregator were taken over. **coverage**: the stores of which all levels were,
and with which channel, and whether their orders come in.

No index but the key begins with the tenant and serves all levels: one that is named is found by its key, also where
nobody has counted the rows of a tenant yet.

**leases**: who does what alone, until when. `fence` rises with every holder, so that a former one is known by it.
"""

from weir_chassis.migrations import permit, script, wall

revision = "0005"
down_revision = "0004"

_LEVELS = """
CREATE TABLE levels (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    store_sku text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    level bigint CHECK (level >= 0),
    rule text NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    record bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('PENDING', 'SUCCEEDED', 'FAILED')),
    error text NOT NULL DEFAULT '',
    due_at timestamptz CHECK (due_at IS NULL OR status = 'PENDING' AND level IS NOT NULL),
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    told bigint CHECK (told >= 0),
    told_at timestamptz CHECK ((told_at IS NULL) = (told IS NULL)),
    shown bigint,
    shown_number bigint,
    sold_after bigint NOT NULL DEFAULT 0 CHECK (sold_after >= 0),
    unreported bigint NOT NULL DEFAULT 0 CHECK (unreported >= 0),
    unreported_at timestamptz CHECK (unreported = 0 OR unreported_at IS NOT NULL),
    verified boolean NOT NULL DEFAULT false,
    check_at timestamptz,
    checks integer NOT NULL DEFAULT 0 CHECK (checks >= 0),
    fence bigint,
    sent bigint CHECK (sent >= 0),
    sent_number bigint CHECK (sent_number <= number),
    sent_record bigint CHECK (sent_record <= record),
    stray bigint CHECK (stray >= 0),
    stray_number bigint,
    PRIMARY KEY (tenant, connection, store_sku)
) WITH (fillfactor = 70);
CREATE INDEX levels_by_product ON levels (owner, sku, tenant, connection, store_sku);
CREATE INDEX levels_due_zero ON levels (tenant, connection, due_at, store_sku)
    WHERE due_at IS NOT NULL AND fence IS NULL AND level = 0;
CREATE INDEX levels_due ON levels (tenant, connection, due_at, store_sku)
    WHERE due_at IS NOT NULL AND fence IS NULL AND level > 0;
CREATE INDEX levels_to_check ON levels (tenant, connection, check_at, store_sku)
    WHERE check_at IS NOT NULL AND fence IS NULL;
CREATE INDEX levels_in_flight ON levels (tenant, connection, store_sku) WHERE fence IS NOT NULL;
CREATE INDEX levels_failed ON levels (tenant, connection, store_sku) WHERE status = 'FAILED';
CREATE INDEX levels_unreported ON levels (tenant, unreported_at, connection, store_sku) WHERE unreported > 0;
COMMENT ON TABLE levels IS 'What each SKU of each store is to show, what it shows, and what is on its way.';

CREATE TABLE records (
    tenant text NOT NULL,
    record bigint NOT NULL,
    connection text COLLATE "C" NOT NULL,
    store_sku text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    trigger text NOT NULL CHECK (
        trigger IN ('CHANGE', 'CONFIGURATION', 'COVERED', 'SCHEDULE', 'REQUEST', 'RETRY', 'DRIFT')
    ),
    reason text NOT NULL,
    before bigint CHECK (before >= 0),
    after bigint NOT NULL CHECK (after >= 0),
    rule text NOT NULL,
    run text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'SUCCEEDED', 'FAILED', 'SKIPPED')),
    error text NOT NULL DEFAULT '',
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at timestamptz,
    ended_at timestamptz CHECK ((ended_at IS NULL) = (status = 'PENDING')),
    changed xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (tenant, record)
) WITH (fillfactor = 80);
CREATE INDEX records_by_sku ON records (tenant, connection, store_sku, record);
CREATE INDEX records_by_run ON records (tenant, run, status) WHERE run <> '';
CREATE INDEX records_by_change ON records (tenant, changed);
CREATE INDEX records_by_age ON records USING brin (created_at);
CREATE SEQUENCE record_numbers;
CREATE FUNCTION next_record() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS 'BEGIN RETURN nextval(''record_numbers''); END';
COMMENT ON TABLE records IS 'What stores were to be told, and what became of it.';

CREATE TABLE level_sales (
    tenant text NOT NULL,
    sale bigint GENERATED ALWAYS AS IDENTITY,
    connection text COLLATE "C" NOT NULL,
    store_sku text COLLATE "C" NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    ledger_cluster text NOT NULL,
    ledger_epoch integer NOT NULL,
    ledger_revision bigint NOT NULL CHECK (ledger_revision >= 0),
    PRIMARY KEY (tenant, sale)
);
COMMENT ON TABLE level_sales IS 'Units of orders of stores that no level knows of yet.';

CREATE TABLE follows (
    tenant text NOT NULL PRIMARY KEY,
    through jsonb NOT NULL CHECK (jsonb_typeof(through) = 'array')
);
COMMENT ON TABLE follows IS 'Up to where levels of the aggregator were taken over.';

CREATE TABLE coverage (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    take_orders boolean NOT NULL,
    PRIMARY KEY (tenant, connection),
    FOREIGN KEY (tenant, connection) REFERENCES connections ON DELETE CASCADE
);
COMMENT ON TABLE coverage IS 'Stores of which all levels were taken over.';

CREATE TABLE leases (
    tenant text NOT NULL,
    lease text COLLATE "C" NOT NULL,
    holder text NOT NULL,
    fence bigint NOT NULL CHECK (fence > 0),
    until timestamptz NOT NULL,
    PRIMARY KEY (tenant, lease)
) WITH (fillfactor = 50);
COMMENT ON TABLE leases IS 'Who does what alone, and until when.';
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    script(_LEVELS)
    for table in ("levels", "records", "level_sales", "follows", "coverage", "leases"):
        wall(table)
    permit("next_record")
