"""Where cases are kept, what was used in them and what was said on them."""

from __future__ import annotations

from sqlalchemy import BigInteger, DateTime, Text
from sqlalchemy.dialects import postgresql

from weir_chassis.configuration.postgres import Kept, column, nested
from weir_pooling.domain.cases import Case, Comment, Usage

_INSTANT = DateTime(timezone=True)

CASES = (
    Kept(
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
    ),
    Kept(
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
        column("unmarked", BigInteger),
        nested("marked_by"),
        column("mark_time", _INSTANT),
        "under_way",
    ),
    Kept(
        Comment,
        "comments",
        "case",
        "comment",
        "user",
        "text",
        "author",
        column("create_time", _INSTANT),
        column("mentions", postgresql.ARRAY(Text)),
    ),
)
"""Cases, what was used in them, and what was said on them."""
