"""Which policy and which rule is for a product, and which stores sell it, by numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from weir_allocation.columns.arrays import Flags, Indices
from weir_allocation.configuration import Configuration
from weir_allocation.policy import Policy
from weir_allocation.rules import Limits, Rule
from weir_allocation.stock import Product


class Winners:
    """Knows every product that has a number; `follow` takes in those that got one since."""

    def __init__(
        self,
        configuration: Configuration,
        limits: Sequence[Limits],
        products: Sequence[Product],
        numbers: Mapping[Product, int],
    ) -> None:
        """`limits` are those of each store; `products` may grow, `numbers` says where in it each one stands."""
        self._configuration = configuration
        self._products = products
        self._numbers = numbers
        self._limits = {store: each for store, each in enumerate(limits) if each.denied or each.allowed is not None}
        self._stores = len(limits)
        self._policy = self._first(configuration.policies)
        self._rule = self._first(configuration.rules)
        self._sold = {store: self._permitted(each) for store, each in self._limits.items()}

    def policy(self, products: Indices) -> Indices:
        """The number of the policy that divides each product; one above the last where none does."""
        return self._policy[products]

    def rule(self, products: Indices) -> Indices:
        """The number of the rule that wins for each product; one above the last where none does."""
        return self._rule[products]

    def selling(self, products: Indices) -> Flags:
        """Whether each store sells each product, as `[store, product]`."""
        flags = np.ones((self._stores, len(products)), dtype=np.bool_)
        for store, sold in self._sold.items():
            flags[store] = sold[products]
        return flags

    def of(self, products: Sequence[Product]) -> tuple[Indices, Flags]:
        """As `rule` and `selling`, of any products, with or without a number."""
        sold = np.ones((self._stores, len(products)), dtype=np.bool_)
        for store, limits in self._limits.items():
            sold[store] = [limits.permit(product) for product in products]
        return self._rules(products), sold

    def follow(self) -> None:
        """Take in the products that were added since."""
        fresh = self._products[len(self._policy) :]
        if not fresh:
            return
        configuration = self._configuration
        policies = [_index(configuration.policies, configuration.policy(product)) for product in fresh]
        self._policy = np.concatenate((self._policy, np.array(policies, dtype=np.int64)))
        self._rule = np.concatenate((self._rule, self._rules(fresh)))
        for store, limits in self._limits.items():
            permitted = np.array([limits.permit(product) for product in fresh], dtype=np.bool_)
            self._sold[store] = np.concatenate((self._sold[store], permitted))

    def _rules(self, products: Iterable[Product]) -> Indices:
        configuration = self._configuration
        rules = [_index(configuration.rules, configuration.rule(product)) for product in products]
        return np.array(rules, dtype=np.int64)

    def _first(self, tried: Sequence[Policy] | Sequence[Rule]) -> Indices:
        """The first of those tried that names each product, filled in from the last."""
        first = np.full(len(self._products), len(tried), dtype=np.int64)
        for number in reversed(range(len(tried))):
            named = tried[number].products
            if named is None:
                first[:] = number
            else:
                first[self._places(named)] = number
        return first

    def _permitted(self, limits: Limits) -> Flags:
        permitted: NDArray[np.bool_] = np.full(len(self._products), limits.allowed is None)
        permitted[self._places(limits.allowed or ())] = True
        permitted[self._places(limits.denied)] = False
        return permitted

    def _places(self, products: Iterable[Product]) -> Indices:
        """The numbers of those that have one."""
        return np.array([self._numbers[each] for each in products if each in self._numbers], dtype=np.int64)


def _index(tried: Sequence[Policy] | Sequence[Rule], found: Policy | Rule | None) -> int:
    return next((number for number, each in enumerate(tried) if each is found), len(tried))
