"""Where cases are kept, what was used in them and what was said on them; and how uses are summed up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Select,
    Text,
    cast,
    distinct,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql

from weir_chassis.configuration.objects import Key
from weir_chassis.configuration.postgres import Kept, column, nested
from weir_pooling.domain.cases import Case, Comment, Period, Usage

_INSTANT = DateTime(timezone=True)
_CASES = Kept(
    Case,
    "cases",
    "case",
    "kind",
    "user",
    nested("created_by"),
    column("create_time", _INSTANT),
    "display_name",
    "facility",
    "reference",
    "state",
    nested("closed_by"),
    column("close_time", _INSTANT),
)
_USAGES = Kept(
    Usage,
    "usages",
    "case",
    "usage",
    "user",
    "owner",
    "sku",
    "location",
    "lot",
    "uom",
    "custodian",
    column("quantity", BigInteger),
    nested("marked_by"),
    column("mark_time", _INSTANT),
    column("unmarked", BigInteger),
    column("under_way", Boolean),
)
_COMMENTS = Kept(
    Comment,
    "comments",
    "case",
    "comment",
    "user",
    "text",
    "author",
    column("create_time", _INSTANT),
    column("mentions", postgresql.ARRAY(Text)),
)
CASES = (_CASES, _USAGES, _COMMENTS)
"""Cases, what was used in them, and what was said on them."""


def used(tenant: str, period: Period, persons: frozenset[str] | None, *, after: Key, limit: int) -> Select[Any]:
    """What `Pooling.used` gives, a field a column."""
    case, usage = _CASES.table.c, _USAGES.table.c
    product = (usage.owner, usage.sku, usage.lot, usage.uom)
    summed = (usage.custodian, usage.user, case.kind, *product)
    marked = usage.quantity - usage.unmarked
    query = (
        select(*summed, cast(func.sum(marked), BigInteger).label("quantity"), func.count(distinct(usage.case)))
        .join_from(_USAGES.table, _CASES.table, (usage.tenant == case.tenant) & (usage.case == case.case))
        .where(usage.tenant == tenant, usage.mark_time >= period.begin, marked > 0)
        .group_by(*summed)
        .order_by(*summed)
        .limit(limit)
    )
    if period.end is not None:
        query = query.where(usage.mark_time < period.end)
    if period.custodian:
        query = query.where(usage.custodian == period.custodian)
    if period.user:
        query = query.where(usage.user == period.user)
    if persons is not None:
        query = query.where(or_(_USAGES.has("user", persons), _USAGES.has("custodian", persons)))
    if after:
        query = query.where(tuple_(*summed) > tuple_(*map(literal, after)))
    return query
