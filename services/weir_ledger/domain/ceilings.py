"""Say how much may be claimed under keys."""

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command


class CeilingDraft(Struct, frozen=True):
    """A ceiling as it shall be: none where that is None; an empty `subject` leaves the one there is."""

    claim: str
    ceiling: int | None
    epoch: int
    subject: str = ""


@dataclass(frozen=True, slots=True)
class SetCeilings(Command[tuple[str, ...]]):
    """Set ceilings, each unless one of the same epoch or a later one is set for its key; the keys of those.

    Facts win: what is claimed stays claimed, also where that is more than the ceiling. They are a commit of their
    own, so that it is no larger to those who watch than the request.
    """

    ceilings: tuple[CeilingDraft, ...]

    def claims(self) -> Iterable[str]:
        return (each.claim for each in self.ceilings)

    def stands_alone(self) -> bool:
        return True

    def size(self) -> int:
        return len(self.ceilings) + sum(len(each.subject) for each in self.ceilings) // 1024

    def decide(self, page: Page) -> tuple[str, ...]:
        superseded: list[str] = []
        for each in self.ceilings:
            found = page.claim(each.claim)
            if each.epoch <= found.epoch:
                superseded.append(each.claim)
                continue
            subject = each.subject or found.subject
            page.keep_claim(replace(found, ceiling=each.ceiling, epoch=each.epoch, subject=subject, revision=0))
        return tuple(superseded)
