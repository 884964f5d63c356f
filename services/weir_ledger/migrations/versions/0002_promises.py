"""What promises count against: claims, limits of open reservations and held units, shortfalls; and when goods were
counted.

A line's claims stand on the line, as two arrays: they are read and written with it and never apart. What is claimed
under a key is counted in `claims`, whose rows are locked like balances; each change of one is kept in `claim_changes`,
which watchers read with the entries. Counts of a tenant's open reservations and held units stand on its revision row,
which every commit writes in any case. No partial index over balances tells shortfalls: it would cost every change of a
count its place in the page.
"""

from weir_chassis.migrations import rewrite, script, wall

revision = "0002"
down_revision = "0001"

_TABLES = """
ALTER TABLE balances ADD COLUMN counted_at timestamptz;
COMMENT ON COLUMN balances.counted_at IS 'When on_hand was last counted or reported, by the newest COUNT.';

ALTER TABLE reservation_lines
    ADD COLUMN claims text[] NOT NULL DEFAULT '{}',
    ADD COLUMN ceilings bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN handed_over_at timestamptz,
    ADD CHECK (cardinality(claims) = cardinality(ceilings));
CREATE INDEX reservation_lines_open ON reservation_lines (tenant, item, reservation) WHERE open > 0;

CREATE TABLE claims (
    tenant text NOT NULL,
    claim text NOT NULL,
    open bigint NOT NULL CHECK (open >= 0),
    fulfilled bigint NOT NULL CHECK (fulfilled >= 0),
    revision bigint NOT NULL,
    PRIMARY KEY (tenant, claim)
) WITH (fillfactor = 80);
COMMENT ON TABLE claims IS 'The units claimed under each key: the sum over the reservation lines that carry it.';

CREATE TABLE claim_changes (
    tenant text NOT NULL,
    revision bigint NOT NULL,
    claim text NOT NULL,
    open bigint NOT NULL,
    fulfilled bigint NOT NULL,
    PRIMARY KEY (tenant, revision, claim)
);
COMMENT ON TABLE claim_changes IS 'What was claimed under a key after each commit that changed it.';

CREATE TABLE shortfalls (
    tenant text NOT NULL,
    item uuid NOT NULL,
    revision bigint NOT NULL,
    opened_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, item)
);
COMMENT ON TABLE shortfalls IS 'The stock items of which more is reserved than is on hand, and since when.';

CREATE TABLE holdings (
    tenant text NOT NULL,
    channel text NOT NULL,
    open_reservations bigint NOT NULL,
    held_units bigint NOT NULL,
    PRIMARY KEY (tenant, channel)
) WITH (fillfactor = 50);
COMMENT ON TABLE holdings IS 'Reservations of each channel that have not ended, and units of those that are held.';

ALTER TABLE tenants
    ADD COLUMN open_reservations bigint NOT NULL DEFAULT 0 CHECK (open_reservations >= 0),
    ADD COLUMN held_units bigint NOT NULL DEFAULT 0 CHECK (held_units >= 0);
"""

_COUNT_WHAT_IS_THERE = """
UPDATE balances SET counted_at = c.counted_at
FROM (SELECT tenant, item, max(occurred_at) AS counted_at FROM entries WHERE kind = 4 AND account = 1 GROUP BY 1, 2) c
WHERE balances.tenant = c.tenant AND balances.item = c.item;

INSERT INTO shortfalls (tenant, item, revision, opened_at)
SELECT b.tenant, b.item, b.revision, c.recorded_at
FROM balances b JOIN commits c ON c.tenant = b.tenant AND c.revision = b.revision
WHERE b.reserved > b.on_hand;

INSERT INTO holdings (tenant, channel, open_reservations, held_units)
SELECT r.tenant, r.channel, count(*), coalesce(sum(l.units) FILTER (WHERE r.state = 1), 0)
FROM reservations r
JOIN (SELECT tenant, reservation, sum(open) AS units FROM reservation_lines GROUP BY 1, 2) l
    ON l.tenant = r.tenant AND l.reservation = r.reservation
WHERE r.state IN (1, 2) GROUP BY 1, 2;

UPDATE tenants SET open_reservations = h.open_reservations, held_units = h.held_units
FROM (SELECT tenant, sum(open_reservations) AS open_reservations, sum(held_units) AS held_units
      FROM holdings GROUP BY 1) h
WHERE tenants.tenant = h.tenant;
DELETE FROM holdings WHERE channel = ''
"""


def upgrade() -> None:
    """Add what promises count against, and count what is there."""
    script(_TABLES)
    for table in ("claims", "shortfalls", "holdings"):
        wall(table)
    wall("claim_changes", append_only=True)
    rewrite(
        _COUNT_WHAT_IS_THERE,
        "entries", "commits", "balances", "reservations", "reservation_lines", "shortfalls", "holdings", "tenants",
    )  # fmt: skip
