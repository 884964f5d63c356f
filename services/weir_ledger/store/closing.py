"""Keep the history easy to ask and ready to grow: close the books, and open the months to come."""

from weir_chassis.database import Database, retrying

_TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.close_books.' || $1, 0))"
"""One process at a time copies the balances of a tenant; the others need not wait for it, as they would copy the
same.
"""

_PATIENCE = "SET LOCAL statement_timeout = 0"
"""All balances are copied by one statement, however many there are."""

_CLOSE = """
SELECT close_books($1) FROM tenants t
WHERE t.tenant = $1 AND NOT EXISTS (
    SELECT FROM closings c
    WHERE c.tenant = $1
      AND (c.revision >= t.revision OR c.recorded_at > clock_timestamp() - make_interval(secs => $2))
)
"""

_OPEN_MONTHS = "SELECT open_months(now(), now() + interval '3 months')"


class Closer:
    """What `ports.Books` promises of closings and months."""

    def __init__(self, database: Database) -> None:
        """Keep the history in `database`."""
        self._database = database

    async def close_books(self, tenant: str, *, hours: float) -> int | None:
        async with self._database.driving(tenant) as driver:
            if not await driver.fetchval(_TAKE_TURN, tenant):
                return None
            await driver.execute(_PATIENCE)
            closed: int | None = await driver.fetchval(_CLOSE, tenant, hours * 3600)
        return closed

    async def open_months(self) -> None:
        async def work() -> None:
            async with self._database.driver() as driver:
                await driver.execute(_OPEN_MONTHS)

        await retrying(work)
