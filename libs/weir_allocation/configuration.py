"""Everything configured that an answer depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from weir_allocation.custody import Seller
from weir_allocation.network import Channel, Network
from weir_allocation.policy import Policy
from weir_allocation.rules import NO_LIMITS, Limits, Rule
from weir_allocation.sharing import NO_SHARING, Sharing
from weir_allocation.stock import Product


@dataclass(frozen=True, slots=True)
class Configuration:
    """Network, sharing, policies, rules, limits and sellers of one tenant; made by `of`, which puts everything in
    order.
    """

    network: Network
    sharing: Sharing
    policies: tuple[Policy, ...]
    """Those enabled, first tried first."""
    rules: tuple[Rule, ...]
    """Those enabled, first tried first."""
    limits: Mapping[str, Limits]
    """By store; one that is not in it has none."""
    sellers: Mapping[str, Seller] = field(default_factory=dict)
    """By channel, of those that persons sell through."""
    late: Mapping[str, int] = field(default_factory=dict)
    """Locations whose warehouse has not reported in time, and how much of what lies there counts for no store, in
    percent: 1 to 100.
    """

    @classmethod
    def of(
        cls,
        network: Network,
        *,
        sharing: Sharing = NO_SHARING,
        policies: Iterable[Policy] = (),
        rules: Iterable[Rule] = (),
        limits: Mapping[str, Limits] | None = None,
        sellers: Mapping[str, Seller] | None = None,
        late: Mapping[str, int] | None = None,
    ) -> Configuration:
        """The configuration of these objects, in any order; what is disabled is left out."""
        return cls(
            network,
            sharing,
            tuple(sorted((each for each in policies if each.enabled), key=lambda each: (each.priority, each.policy))),
            tuple(sorted((each for each in rules if each.enabled), key=lambda each: (each.priority, each.rule))),
            limits or {},
            sellers or {},
            late or {},
        )

    def policy(self, product: Product) -> Policy | None:
        """The policy that divides the product's supply: the first that names it."""
        return next((each for each in self.policies if each.names(product)), None)

    def rule(self, product: Product) -> Rule | None:
        """The rule that wins for the product: the first that names it."""
        return next((each for each in self.rules if each.names(product)), None)

    def limits_of(self, channel: Channel) -> Limits:
        """The limits of a store."""
        return self.limits.get(channel.channel, NO_LIMITS)

    def seller(self, channel: Channel) -> Seller | None:
        """The person who sells through a channel; None: it is not reached by custody, or nobody does."""
        return self.sellers.get(channel.channel) if channel.by_custody else None

    def lends_alone(self, other: Configuration) -> bool:
        """Whether another one differs in links and bundles at most."""
        return replace(other, sharing=self.sharing) == self

    def sells_alone(self, other: Configuration) -> bool:
        """Whether another one differs at most in the persons who sell through channels."""
        return replace(other, sellers=self.sellers) == self

    def selling(self, warehouse_group: str, product: Product) -> list[str]:
        """The channel groups linked to a warehouse group that sell the product, in order.

        A group sells what one of its channels sells, those by custody apart, which no group feeds.
        """
        return [
            group
            for group in self.network.fed.get(warehouse_group, ())
            if any(self.limits_of(each).permit(product) for each in self.network.members.get(group, ()))
        ]
