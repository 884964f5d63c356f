"""What stores are told of their shares, for many products at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weir_allocation.columns.arrays import Flags, Indices, Units, percent
from weir_allocation.rules import Limits, Rule

UNTOLD = -1
"""In place of a level: the store is told nothing of the product. A level is never below 0."""
_UNLIMITED = np.iinfo(np.int64).max


class Offer:
    """The rules and limits of a configuration, for stores by number; the last rule stands for none."""

    def __init__(self, rules: Sequence[Rule], stores: Sequence[str], limits: Sequence[Limits]) -> None:
        """`limits` are those of each store."""
        neutral = Rule(rule="", priority=0, stores=frozenset(stores))
        every = (*rules, neutral)
        self.named = _flags([[store in rule.stores for rule in every] for store in stores], every)
        """Whether a store is one of the rule's, as `[store, rule]`."""
        self.narrows = np.array([bool(rule.warehouses) for rule in every], dtype=np.bool_)
        """Whether a rule names warehouses, and its stores reach no others."""
        self._preferred = _flags([[store == rule.priority_store for rule in every] for store in stores], every)
        self._threshold = _integers([rule.threshold for rule in every])
        self._priority = _integers([rule.priority_quantity if rule.prefers else 0 for rule in every])
        self._rate = _integers([rule.rate_percent for rule in every])
        self._constant = _integers([rule.constant for rule in every])
        self._hundredths = _integers([rule.rounding.hundredths for rule in every])
        self._most = _integers(
            [_UNLIMITED if limit.max_quantity is None else max(0, limit.max_quantity) for limit in limits]
        )

    def levels(self, shares: Units, rule: Indices, supply: Units, selling: Flags) -> Units:
        """What each store is told, as `[store, product]`; UNTOLD where nothing.

        `shares` and `selling` as `[store, product]`; `rule` is the number of the rule of each product, `supply` what
        lies at that rule's warehouses.
        """
        offered = percent(shares, self._rate[rule], self._hundredths[rule]) + self._constant[rule]
        kept = (supply < self._priority[rule]) & ~self._preferred[:, rule]
        zero = (supply < self._threshold[rule]) | kept
        levels = np.clip(np.where(zero, 0, offered), 0, self._most[:, None])
        return np.where(self.named[:, rule] & selling, levels, UNTOLD)


def _flags(rows: Sequence[Sequence[bool]], rules: Sequence[Rule]) -> Flags:
    return np.array(rows, dtype=np.bool_).reshape(len(rows), len(rules))


def _integers(values: Sequence[int]) -> Units:
    return np.array(values, dtype=np.int64)
