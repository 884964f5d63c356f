"""Where persons, pools and deeds are kept; members of a pool in rows of their own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, DateTime, Text, cast, func, literal, select, tuple_
from sqlalchemy.dialects import postgresql

from weir_chassis.configuration.postgres import Children, Kept, column, nested
from weir_pooling.domain.deeds import Deed
from weir_pooling.domain.people import Pool, User

_MEMBERS = Children("members", "pool_members", parent=("pool",), columns=(column("user", Text),), asked="person")


class _KeptPools(Kept):
    """Pools, whose `person` is the hub, too."""

    def has(self, name: str, value: Any) -> ColumnElement[bool]:
        """Whether a pool has what `Where` asks for under this name."""
        if name != "person":
            return super().has(name, value)
        assert self.rows is not None
        names = postgresql.ARRAY(Text)
        persons = func.any(cast(literal(sorted(value) if isinstance(value, frozenset) else [value], names), names))
        # one after the other, for each has an index
        as_hub = select(self.table.c.tenant, self.table.c.pool).where(self.table.c.hub == persons)
        as_member = select(self.rows.c.tenant, self.rows.c.pool).where(self.rows.c.user == persons)
        return tuple_(self.table.c.tenant, self.table.c.pool).in_(as_hub.union_all(as_member))


PEOPLE = (
    Kept(User, "users", "user", "role", "display_name", "channel"),
    _KeptPools(Pool, "pools", "pool", "display_name", "hub", column("access_hub_stock", Boolean), children=_MEMBERS),
    Kept(
        Deed,
        "deeds",
        "deed",
        "subject",
        "action",
        "work",
        nested("portions"),
        nested("by"),
        column("at", DateTime(timezone=True)),
        "reservation",
        column("things", postgresql.ARRAY(Text)),
        "words",
    ),
)
"""Persons, pools, and what is to be done in the ledger."""
