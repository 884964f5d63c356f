"""The steps that migrations are made of; each is called within `upgrade()`."""

from __future__ import annotations

from alembic import context, op
from sqlalchemy.util import await_only

_FOUNDATION = """
CREATE TABLE cluster (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    epoch integer NOT NULL DEFAULT 1 CHECK (epoch > 0)
);
COMMENT ON TABLE cluster IS 'Whose revisions these are: one row.';
INSERT INTO cluster DEFAULT VALUES;

CREATE TABLE tenants (
    tenant text PRIMARY KEY CHECK (tenant <> ''),
    revision bigint NOT NULL CHECK (revision >= 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE tenants IS 'The newest revision of each tenant; locked by whoever draws the next.';
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY seen_by_workers ON tenants FOR SELECT USING (true);
CREATE POLICY wall_of_insert ON tenants FOR INSERT WITH CHECK ({own});
CREATE POLICY wall_of_update ON tenants FOR UPDATE USING ({own}) WITH CHECK ({own});

CREATE TABLE requests (
    tenant text NOT NULL,
    method text NOT NULL,
    request_id text NOT NULL,
    fingerprint bytea NOT NULL,
    outcome text NOT NULL,
    revision bigint,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, method, request_id)
);
COMMENT ON TABLE requests IS 'The one outcome of each request id: a response or a definite refusal.';
CREATE INDEX requests_by_age ON requests USING brin (recorded_at);

GRANT SELECT ON cluster, alembic_version TO {role};
GRANT SELECT, INSERT, UPDATE ON tenants TO {role};
"""

OWN = "tenant = (SELECT nullif(current_setting('weir.tenant', true), ''))"
"""The wall, as a condition on a row: it is of the tenant of the transaction.

Asked as a query of its own, so that a plan is made for a tenant as large as they are on average. By the name itself
the planner takes a tenant that its statistics have not met for one without rows, and reads all of them for each row
to change.
"""

_WALL = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON {table} USING ({own}) WITH CHECK ({own});
GRANT {rights} ON {table} TO {role};
"""

_REWALL = """
DO $do$
DECLARE
    each record;
BEGIN
    FOR each IN
        SELECT tablename, policyname, qual, with_check FROM pg_policies
        WHERE schemaname = current_schema() AND starts_with(policyname, 'wall')
    LOOP
        EXECUTE format('ALTER POLICY %I ON %I', each.policyname, each.tablename)
            || CASE WHEN each.qual IS NULL THEN '' ELSE $own$ USING ({own})$own$ END
            || CASE WHEN each.with_check IS NULL THEN '' ELSE $own$ WITH CHECK ({own})$own$ END;
    END LOOP;
END
$do$
"""


def foundation() -> None:
    """What every schema has: `cluster`, `tenants` and `requests`; the first step of the first migration."""
    script(_FOUNDATION.format(own=OWN, role=_role()))
    wall("requests")


def wall(table: str, *, append_only: bool = False, read_only: bool = False) -> None:
    """Row-level security by the column `tenant`, for the owner too, and the rights of the application's role.

    From a table that is `append_only` rows can be read and added to it, never changed or removed; to one that is
    `read_only` only the owner writes.
    """
    rights = "SELECT, INSERT, UPDATE, DELETE"
    if append_only:
        rights = "SELECT, INSERT"
    if read_only:
        rights = "SELECT"
    script(_WALL.format(table=table, own=OWN, rights=rights, role=_role()))


def rewall() -> None:
    """Make the walls of all tables that are there what `wall` makes of new ones."""
    script(_REWALL.format(own=OWN))


def rewrite(statements: str, *tables: str) -> None:
    """Run statements that read or change the rows of all tenants in `tables`.

    The owner is behind the wall, too, and steps out of it for these tables while the statements run.
    """
    out = "".join(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;" for table in tables)
    back = "".join(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;" for table in tables)
    script(f"{out}{statements};{back}")


def permit(function: str) -> None:
    """Let the application's role, and nobody else, call a function that runs with the rights of the owner."""
    script(f"REVOKE ALL ON FUNCTION {function} FROM public; GRANT EXECUTE ON FUNCTION {function} TO {_role()}")


def script(statements: str) -> None:
    """Run any number of statements of SQL, with semicolons between them, within the transaction of the migration."""
    connection = op.get_bind()
    connection.exec_driver_sql("SELECT 1")  # SQLAlchemy begins its transaction only now; the driver joins it
    driver = connection.connection.driver_connection
    assert driver is not None
    await_only(driver.execute(statements))


def _role() -> str:
    role = context.config.attributes["role"]
    assert isinstance(role, str)
    return quoted(role)


def quoted(name: str) -> str:
    """`name` as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
