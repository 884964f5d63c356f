"""One function per request that changes policies: it reads what bears on the request, and decides.

`weir_chassis.configuration.Handlers` has each of them done once, between the recall of its request id and the record of
its outcome.
"""

from __future__ import annotations

from collections.abc import Sequence

from weir_chassis.configuration.handlers import found
from weir_chassis.configuration.objects import Decision, Named
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.priorities import Order, create_ranked, reorder_ranked, update_ranked
from weir_chassis.configuration.rules import deleted
from weir_partitioning.domain import Policy


async def create_policy(objects: Objects, wanted: Policy, *, most: int) -> Decision[Policy]:
    """Add a policy, where there are fewer than `most`."""
    return create_ranked(wanted, await objects.select(Policy), most=most)


async def update_policy(objects: Objects, wanted: Policy) -> Decision[Policy]:
    """Replace all of a policy but its identifier."""
    return update_ranked(wanted, await objects.select(Policy))


async def reorder_policies(objects: Objects, names: Sequence[str]) -> Decision[Order]:
    """Give all policies their priorities."""
    return reorder_ranked(Policy, names, await objects.select(Policy))


async def delete_policy(objects: Objects, named: Named[Policy]) -> Decision[Policy]:
    """Remove a policy."""
    return deleted(await found(objects, named))
