"""One function per request that changes rules or limits: it reads what bears on the request, and decides.

`weir_chassis.configuration.handlers` has each of them done once, between the recall of its request id and the record of
its outcome.
"""

from __future__ import annotations

from collections.abc import Sequence

from weir_chassis.configuration.handlers import found
from weir_chassis.configuration.objects import Decision, Named
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.priorities import Order, create_ranked, reorder_ranked, update_ranked
from weir_chassis.configuration.rules import deleted
from weir_sync.domain import rules as domain
from weir_sync.domain.rules import Rule, StoreLimits


async def create_rule(objects: Objects, wanted: Rule, *, most: int) -> Decision[Rule]:
    """Add a rule, where there are fewer than `most`."""
    return create_ranked(wanted, await objects.select(Rule), most=most)


async def update_rule(objects: Objects, wanted: Rule) -> Decision[Rule]:
    """Replace all of a rule but its identifier."""
    return update_ranked(wanted, await objects.select(Rule))


async def reorder_rules(objects: Objects, names: Sequence[str]) -> Decision[Order]:
    """Give all rules their priorities."""
    return reorder_ranked(Rule, names, await objects.select(Rule))


async def delete_rule(objects: Objects, named: Named[Rule]) -> Decision[Rule]:
    """Remove a rule."""
    return deleted(await found(objects, named))


async def set_store_limits(objects: Objects, wanted: StoreLimits) -> Decision[StoreLimits]:
    """Say what a store is never told."""
    return domain.set_store_limits(wanted, await objects.get(StoreLimits, wanted.key))
