"""Who sells through the channels that are reached by custody, and in whose custody what they sell is."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from weir_allocation.trace import Stage, Step, Subject, Verdict


class View(enum.Enum):
    """What a person wants to see."""

    MY_CUSTODY = enum.auto()
    """What is in his own custody."""
    SHARED_BY_DISTRIBUTOR = enum.auto()
    """What is in the custody of the hub of his pool, while it is open to members."""
    BOTH = enum.auto()


@dataclass(frozen=True, slots=True)
class Seller:
    """The person who sells through a channel."""

    user: str
    hub: str = ""
    """Hub of the pool that he is in, perhaps himself; empty: he is in none."""
    hub_access: bool = False
    """Whether the hub has opened its stock to members."""

    def custodians(self, view: View) -> tuple[str, ...]:
        """Those whose custody he sells from in this view, himself first; nobody where the hub gives him nothing."""
        own = () if view is View.SHARED_BY_DISTRIBUTOR else (self.user,)
        shared = () if view is View.MY_CUSTODY or not self._shared else (self.hub,)
        return tuple(dict.fromkeys((*own, *shared)))

    def steps(self, view: View) -> Iterator[Step]:
        """Whose custody counts in this view, and the hub's where it could."""
        if view is not View.SHARED_BY_DISTRIBUTOR:
            yield Step(Stage.REACH, Subject.CUSTODIAN, self.user, Verdict.COUNTED)
        told = view is View.SHARED_BY_DISTRIBUTOR or (view is View.BOTH and self.hub != self.user)
        if self.hub and told:
            verdict = Verdict.HUB_ACCESS_ON if self._shared else Verdict.HUB_ACCESS_OFF
            yield Step(Stage.REACH, Subject.CUSTODIAN, self.hub, verdict)

    @property
    def _shared(self) -> bool:
        return bool(self.hub) and self.hub_access
