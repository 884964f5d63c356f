"""What pooling keeps, on Postgres: `people` names the tables of persons, pools and deeds, `transfers` and
`cases` those of transfers and of cases."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from weir_chassis.configuration.objects import Key
from weir_chassis.configuration.postgres import PostgresObjects, PostgresTenants, Tables
from weir_chassis.database import Database
from weir_pooling.domain.alerts import Alerts, Notifications
from weir_pooling.domain.cases import CaseKind, Period, Usages, UsageSum
from weir_pooling.domain.deeds import Condition, Item
from weir_pooling.domain.views import Going
from weir_pooling.store.alerts import ALERTS
from weir_pooling.store.cases import CASES, used
from weir_pooling.store.people import PEOPLE
from weir_pooling.store.transfers import GOING, TRANSFERS, asked

TABLES = Tables(*PEOPLE, *TRANSFERS, *CASES, *ALERTS, answers=[Usages, Notifications, Alerts])


class PostgresPooling(PostgresObjects):
    """What pooling keeps of one tenant, within one transaction: `Pooling`."""

    async def used(self, period: Period, persons: frozenset[str] | None, *, after: Key, limit: int) -> list[UsageSum]:
        rows = await self._connection.execute(used(self._tenant, period, persons, after=after, limit=limit))
        return [UsageSum._make((*row[:2], CaseKind(row[2]), *row[3:])) for row in rows]

    async def going(self, items: Collection[Item], viewer: str) -> Mapping[Item, Going]:
        rows = await self._connection.execute(GOING, asked(self._tenant, items, viewer))
        return {Item._make((*item[:-1], Condition(item[-1]))): Going(*units) for item, *units in rows}


def postgres_pooling(database: Database) -> PostgresTenants[PostgresPooling]:
    """The objects of all tenants in one schema, which is the one of `migrations`."""
    return PostgresTenants(database, TABLES, PostgresPooling)
