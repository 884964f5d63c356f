"""What pooling keeps, in plain structures, for tests that need no Postgres."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_chassis.configuration.objects import Key
from weir_pooling.domain.cases import Case, Period, Usage, UsageSum
from weir_pooling.domain.deeds import Item
from weir_pooling.domain.transfers import State, Transfer
from weir_pooling.domain.views import Going


class MemoryPooling(MemoryObjects):
    """What pooling keeps of one tenant: `Pooling`."""

    async def used(self, period: Period, persons: frozenset[str] | None, *, after: Key, limit: int) -> list[UsageSum]:
        found: dict[UsageSum, list[Usage]] = defaultdict(list)
        for each in self.all(Usage).values():
            if each.marked and period.has(each) and (persons is None or {each.user, each.custodian} & persons):
                found[UsageSum.of(each, self.all(Case)[each.case,].kind)].append(each)
        sums = [
            summed._replace(quantity=sum(each.marked for each in them), cases=len({each.case for each in them}))
            for summed, them in sorted(found.items())
        ]
        return [each for each in sums if each.key > after][:limit]

    async def going(self, items: Collection[Item], viewer: str) -> Mapping[Item, Going]:
        found: dict[Item, Going] = {}
        for each in self.all(Transfer).values():
            for line in each.lines if each.state is State.PENDING else ():
                if line.left and line.item in items:
                    before = found.get(line.item, Going(0, 0))
                    incoming = before.incoming + line.left * (each.recipient == viewer)
                    found[line.item] = Going(before.in_transfer + line.left, incoming)
        return found


def memory_pooling() -> MemoryTenants[MemoryPooling]:
    """The objects of all tenants in this process: none yet."""
    return MemoryTenants(MemoryPooling)
