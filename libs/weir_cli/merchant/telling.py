"""Judge what a folder says that stores are told: rules and limits."""

from __future__ import annotations

from collections.abc import Iterator

from weir_cli.merchant.dividing import priorities, products_of
from weir_cli.merchant.judging import channels_named, locations_named, missing, twice, unknown
from weir_cli.merchant.values import (
    CHANNELS,
    LIMITS,
    LOCATIONS,
    RULE_PRODUCTS,
    RULES,
    Fault,
    Known,
    Merchant,
)
from weir_cli.sheets import UNREADABLE


def faults(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """Everything that does not fit together."""
    yield from _rules(merchant, known)
    yield from products_of(RULE_PRODUCTS, merchant, "rule", RULES, known.rules)
    yield from _limits(merchant, known)


def notes(merchant: Merchant) -> list[str]:
    """What is allowed and does not do what it seems to."""
    return [
        f"{RULES}:{row.line}: the priority store of {row['rule']} is ignored: {row.number('priority_quantity')} is not"
        f" above the threshold, {row.number('threshold')}."
        for row in merchant.rows(RULES)
        if row["priority_store"] and row.number("priority_quantity") <= row.number("threshold")
    ]


def _rules(merchant: Merchant, known: Known) -> Iterator[Fault]:
    rows = merchant.rows(RULES)
    yield from twice(RULES, rows, lambda row: row["rule"], "rule")
    yield from priorities(RULES, rows, "rule", known.rules)
    channels = channels_named(merchant, known) | known.named
    locations = locations_named(merchant, known) | known.named
    for row in rows:
        for name in row.names("stores"):
            if missing(name, channels):
                yield Fault(RULES, row.line, unknown("channel", name, merchant.channels, CHANNELS))
        for name in row.names("warehouses"):
            if missing(name, locations):
                yield Fault(RULES, row.line, unknown("location", name, merchant.locations, LOCATIONS))
        first = row["priority_store"]
        if first and UNREADABLE not in (first, row["stores"]) and first not in row.names("stores"):
            yield Fault(RULES, row.line, f"priority_store: {first} is none of the stores of the rule.")
        if not first and row.number("priority_quantity"):
            yield Fault(RULES, row.line, "priority_quantity: for whom is said by priority_store, which is empty.")


def _limits(merchant: Merchant, known: Known) -> Iterator[Fault]:
    rows = merchant.rows(LIMITS)
    yield from twice(LIMITS, rows, lambda row: (row["store"], row["limit"], *row.product()), "row")
    channels = channels_named(merchant, known) | known.named
    for row in rows:
        if missing(row["store"], channels):
            yield Fault(LIMITS, row.line, unknown("channel", row["store"], merchant.channels, CHANNELS))
        if row["limit"] == "DENY" and not row["sku"]:
            yield Fault(LIMITS, row.line, "sku: DENY names a product.")
        if row["limit"] == "MAX":
            if row["sku"] or row["owner"]:
                yield Fault(LIMITS, row.line, "sku: MAX is for all products.")
            if not row["quantity"]:
                yield Fault(LIMITS, row.line, "quantity: MAX needs one.")
        elif row["limit"] != UNREADABLE and row["quantity"]:
            yield Fault(LIMITS, row.line, f"quantity: {row['limit']} has none.")
