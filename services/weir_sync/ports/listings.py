"""What SKUs of connections are, for whoever tells levels, takes stock in, or takes orders in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from weir_sync.domain.listings import Carried, ListingTouch, StoreSku
from weir_sync.domain.rules import Product


class Listings(Protocol):
    """The listings of all tenants, walled from one another; questions are about thousands at once.

    What passes through is of `owner`: the tenant itself, or whose goods the feed of a warehouse says they are. Nobody
    asks whether a connection exists: one that does not has no listings.
    """

    async def products(
        self, tenant: str, store_skus: Collection[StoreSku], *, owner: str = ""
    ) -> Mapping[StoreSku, Product]:
        """What SKUs are; those for which nothing flows are left out. Raises DatabaseAway."""
        ...

    async def store_skus(
        self, tenant: str, products: Collection[Carried], *, owner: str = ""
    ) -> Mapping[Carried, Sequence[str]]:
        """The SKUs that products have in connections, in order; those that have none are left out.

        Raises DatabaseAway.
        """
        ...

    async def touched(self, tenant: str, *, limit: int) -> Sequence[ListingTouch]:
        """SKUs of stores that may be other products than when they were settled, in order. Raises DatabaseAway."""
        ...

    async def settle(self, tenant: str, touches: Collection[ListingTouch]) -> None:
        """Forget these touches, but those of SKUs that were touched again since they were read. Raises DatabaseAway."""
        ...
