"""Judge the policies of a folder: their places, what they name, and the numbers that their strategies use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from weir_cli.merchant.judging import channel_groups_named, missing, twice, unknown
from weir_cli.merchant.values import (
    CHANNELS,
    POLICIES,
    POLICY_PARTS,
    POLICY_PRODUCTS,
    Fault,
    Known,
    Merchant,
    Row,
)
from weir_cli.sheets import UNREADABLE

PARTS_MAX = 1000
PRODUCTS_MAX = 10_000
NUMBERS = {
    "EQUAL_DIVISION": (),
    "SAFETY_STOCK": ("weight",),
    "WEIGHTED": ("weight",),
    "RANKED": ("percent", "minimum"),
    "FIXED": ("quantity",),
    "DEMAND": ("weight",),
}
"""The numbers of a part that each strategy uses, beside its rank and its cap."""
ALL_NUMBERS = ("weight", "percent", "minimum", "quantity")
BUFFERS = ("buffer_units", "buffer_percent")
PARTED = ("RANKED", "FIXED")
"""Strategies that need to be told their parts."""
OF_MODES = {
    "threshold_percent": "BALANCED",
    "hysteresis_units": "BALANCED",
    "rebalance_interval": "BALANCED",
    "enforce": "CONTINUOUS",
}
"""The mode that uses each column."""
OF_DEMAND = ("demand_days", "damping_percent")


def faults(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """Everything that does not fit together."""
    rows = merchant.rows(POLICIES)
    yield from twice(POLICIES, rows, lambda row: row["policy"], "policy")
    yield from priorities(POLICIES, rows, "policy", known.policies)
    yield from products_of(POLICY_PRODUCTS, merchant, "policy", POLICIES, known.policies)
    yield from _parts(merchant, known)
    parted = {row["policy"] for row in merchant.rows(POLICY_PARTS)}
    for row in rows:
        yield from _moving(row)
        strategy = row["strategy"]
        said = [name for name in BUFFERS if row.number(name)]
        if strategy not in ("SAFETY_STOCK", UNREADABLE):
            for name in said:
                yield Fault(POLICIES, row.line, f"{name}: {strategy} does not use it.")
        elif len(said) > 1:
            yield Fault(POLICIES, row.line, "buffer_percent: one of this and buffer_units at most.")
        asked = merchant.tells(POLICY_PARTS) or row["policy"] not in known.policies
        if strategy in PARTED and row["policy"] not in parted and asked:
            yield Fault(POLICIES, row.line, f"{strategy} needs channel groups, and {POLICY_PARTS} has none of it.")


def _moving(row: Row) -> Iterator[Fault]:
    """What says how shares move, and is not for the mode or the strategy of the policy."""
    mode, strategy = row["mode"], row["strategy"]
    for column, user in OF_MODES.items():
        if mode not in (user, UNREADABLE) and row[column] not in ("", "NO", UNREADABLE):
            yield Fault(POLICIES, row.line, f"{column}: {mode} does not use it.")
    for column in OF_DEMAND:
        if strategy not in ("DEMAND", UNREADABLE) and row[column] not in ("", UNREADABLE):
            yield Fault(POLICIES, row.line, f"{column}: {strategy} does not use it.")
    if strategy == "DEMAND" and mode == "CONTINUOUS":
        yield Fault(POLICIES, row.line, "mode: DEMAND needs BALANCED.")


def _parts(merchant: Merchant, known: Known) -> Iterator[Fault]:
    rows = merchant.rows(POLICY_PARTS)
    yield from twice(POLICY_PARTS, rows, lambda row: (row["policy"], row["channel_group"]), "row")
    yield from children(POLICY_PARTS, rows, "policy", merchant, POLICIES, known.policies, count_max=PARTS_MAX)
    groups = channel_groups_named(merchant, known) | known.named
    strategies = {**known.strategies, **{row["policy"]: row["strategy"] for row in merchant.rows(POLICIES)}}
    modes = {**known.modes, **{row["policy"]: row["mode"] for row in merchant.rows(POLICIES)}}
    percent: dict[str, int] = {}
    for row in rows:
        name, group = row["policy"], row["channel_group"]
        if missing(group, groups):
            yield Fault(POLICY_PARTS, row.line, unknown("channel group", group, merchant.channels, CHANNELS))
        strategy = strategies.get(name, "")
        for column in ALL_NUMBERS:
            if strategy in NUMBERS and column not in NUMBERS[strategy] and row.number(column):
                yield Fault(POLICY_PARTS, row.line, f"{column}: {strategy} does not use it.")
        if modes.get(name) == "CONTINUOUS" and row.number("protected_percent"):
            yield Fault(POLICY_PARTS, row.line, "protected_percent: CONTINUOUS does not use it.")
        before = percent.get(name, 0)
        percent[name] = before + row.number("percent")
        if before <= 100 < percent[name] and strategy == "RANKED":
            yield Fault(POLICY_PARTS, row.line, f"percent: those of {name} add up to {percent[name]}, 100 at most.")


def priorities(file: str, rows: Sequence[Row], what: str, others: Mapping[str, int]) -> Iterator[Fault]:
    """Places that two of them have, here or one of them in the suite alone."""
    leaving = {row[what] for row in rows if row["priority"]}
    held = {place: name for name, place in others.items() if name not in leaving}
    first: dict[int, int] = {}
    for row in rows:
        place = row.number("priority")
        if not place:
            continue
        line = first.setdefault(place, row.line)
        if line != row.line:
            yield Fault(file, row.line, f"priority: {place} is taken already (line {line}).")
        elif place in held:
            yield Fault(file, row.line, f"priority: {place} is that of {what} {held[place]}, which keeps it.")


def products_of(file: str, merchant: Merchant, what: str, parents: str, others: Mapping[str, int]) -> Iterator[Fault]:
    """Products named twice, too many of them, and those of nothing that is there."""
    rows = merchant.rows(file)
    yield from twice(file, rows, lambda row: (row[what], *row.product()), "product")
    yield from children(file, rows, what, merchant, parents, others, count_max=PRODUCTS_MAX)


def children(
    file: str,
    rows: Sequence[Row],
    what: str,
    merchant: Merchant,
    parents: str,
    others: Mapping[str, int],
    *,
    count_max: int,
) -> Iterator[Fault]:
    """Rows that belong to nothing that is there, and too many of one."""
    there = frozenset(row[what] for row in merchant.rows(parents)) | frozenset(others)
    sizes: dict[str, int] = {}
    for row in rows:
        if missing(row[what], there):
            yield Fault(file, row.line, f"unknown {what} {row[what]}: neither {parents} nor the suite has it.")
        sizes[row[what]] = sizes.get(row[what], 0) + 1
        if sizes[row[what]] == count_max + 1:
            yield Fault(file, row.line, f"{what} {row[what]} has more than {count_max:,} rows.")
