"""Cases, what was used in them and what was said on them; pure."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from weir_chassis.configuration.objects import Change, Configured, Decision, Key
from weir_chassis.configuration.rules import check_etag, existing, written
from weir_chassis.errors import Malformed, Violation
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.deeds import Deed, Item, Portion, Work
from weir_pooling.domain.people import Actor, Pool
from weir_pooling.domain.views import Custody
from weir_pooling.errors import CaseClosed, CaseNotFound, HubAccessOff, UsageExceeded, UsageNotFound

MARK = "MarkUsed"
UNMARK = "UnmarkUsed"
"""What is done in a case: the actions of its deeds."""


class CaseKind(enum.StrEnum):
    """What stock was used for."""

    CASE = "CASE"
    SAMPLE = "SAMPLE"
    LOAN = "LOAN"
    DAMAGE = "DAMAGE"
    RETURN = "RETURN"
    ADJUSTMENT = "ADJUSTMENT"
    OTHER = "OTHER"


class CaseState(enum.StrEnum):
    """Whether stock can be marked in a case."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Case(Configured):
    """An occasion at which stock is used; whoever acts for its `user` sees it."""

    identity = ("case",)
    missing = CaseNotFound

    case: str
    kind: CaseKind
    user: str
    created_by: Actor
    create_time: datetime
    display_name: str = ""
    facility: str = ""
    reference: str = ""
    state: CaseState = CaseState.OPEN
    closed_by: Actor | None = None
    close_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Usage(Configured):
    """Units of a stock item, marked used in a case of `user`; `under_way` while it is not known whether units that were
    to be unmarked are back.
    """

    identity = ("case", "usage")

    case: str
    usage: str
    user: str
    owner: str
    sku: str
    location: str
    lot: str
    uom: str
    custodian: str
    quantity: int
    marked_by: Actor
    mark_time: datetime
    unmarked: int = 0
    under_way: bool = False

    @property
    def item(self) -> Item:
        """Where it lay."""
        return Item(self.owner, self.sku, self.location, self.lot, self.uom, self.custodian)

    @property
    def custody(self) -> Custody:
        """Whose custody that was, to the person whose case it is."""
        return Custody.OWN if self.custodian == self.user else Custody.HUB

    @property
    def marked(self) -> int:
        """Units that were used and not taken back."""
        return self.quantity - self.unmarked


@dataclass(frozen=True, slots=True)
class Comment(Configured):
    """Words on a case of `user`; `mentions` are whom they notified."""

    identity = ("case", "comment")

    case: str
    comment: str
    user: str
    text: str
    author: str
    create_time: datetime
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usages(Configured):
    """What a request comes to that marks or unmarks: each usage as it stands after it."""

    identity = ()

    usages: tuple[Usage, ...]

    def stamped(self, revision: int) -> Usages:
        """The usages as they are stored when `revision` changes them."""
        return replace(self, etag=str(revision), usages=tuple(each.stamped(revision) for each in self.usages))


@dataclass(frozen=True, slots=True)
class Wording:
    """What a request says of a case; without a `user` it is the caller's, `case` and `etag` say which shall change."""

    kind: CaseKind
    user: str = ""
    display_name: str = ""
    facility: str = ""
    reference: str = ""
    case: str = ""
    etag: str = ""


class Marking(NamedTuple):
    """Stock that shall be marked used in a case."""

    case: str
    custody: Custody
    lines: tuple[Portion, ...]


class Units(NamedTuple):
    """Units of what was marked used; 0 for all that are."""

    usage: str
    quantity: int


class Unmarking(NamedTuple):
    """Marks of a case that shall be taken back."""

    case: str
    units: tuple[Units, ...]


class Remark(NamedTuple):
    """What shall be said on a case."""

    case: str
    text: str


class UsageSum(NamedTuple):
    """What was used from one custody for one person of one product: so many units, in so many cases.

    Sums are in order of all but the two counts, which no two have in common.
    """

    custodian: str
    user: str
    kind: CaseKind
    owner: str
    sku: str
    lot: str
    uom: str
    quantity: int = 0
    cases: int = 0

    @property
    def key(self) -> Key:
        """What it is of."""
        return (self.custodian, self.user, self.kind, self.owner, self.sku, self.lot, self.uom)

    @classmethod
    def of(cls, usage: Usage, kind: CaseKind) -> UsageSum:
        """The one that a usage counts in, of which nothing is counted yet."""
        return cls(usage.custodian, usage.user, kind, usage.owner, usage.sku, usage.lot, usage.uom)


class Period(NamedTuple):
    """What shall be summed up: what was marked from `begin` on, before `end`; empty lets everything through."""

    begin: datetime
    end: datetime | None = None
    custodian: str = ""
    user: str = ""

    def has(self, usage: Usage) -> bool:
        """Whether a usage is meant."""
        return (
            self.begin <= usage.mark_time
            and (self.end is None or usage.mark_time < self.end)
            and self.custodian in ("", usage.custodian)
            and self.user in ("", usage.user)
        )


def subject(case: str) -> str:
    """What deeds of a case are about."""
    return f"case/{case}"


def case_of(deed: Deed) -> str:
    """The case that a deed is about."""
    return deed.subject.removeprefix(subject(""))


def seen(case: str, found: Case | None, caller: Standing) -> Case:
    """The case, if the caller may see it; raises CaseNotFound."""
    return existing(Case, (case,), found if found is not None and caller.acts_for(found.user) else None)


def check_open(case: Case) -> None:
    """Raise CaseClosed if nothing can be changed in it."""
    if case.state is CaseState.CLOSED:
        raise CaseClosed(case=case.case)


def update(wanted: Wording, current: Case) -> Decision[Case]:
    """Replace kind, name, facility and reference.

    Raises EtagStale, CaseClosed, and Malformed where another person is named.
    """
    check_etag(current, wanted.etag)
    check_open(current)
    if wanted.user not in ("", current.user):
        raise Malformed([Violation("case.user", "Never changes: leave it out.")])
    after = replace(
        current,
        kind=wanted.kind,
        display_name=wanted.display_name,
        facility=wanted.facility,
        reference=wanted.reference,
    )
    return written(after, current)


def close(current: Case, by: Actor, at: datetime) -> Decision[Case]:
    """Let nothing more be marked in it; changes nothing where that is so."""
    if current.state is CaseState.CLOSED:
        return Decision(current)
    return written(replace(current, state=CaseState.CLOSED, closed_by=by, close_time=at), current)


def reopen(current: Case) -> Decision[Case]:
    """Let stock be marked in it again."""
    return written(replace(current, state=CaseState.OPEN, closed_by=None, close_time=None), current)


def custodian(case: Case, custody: Custody, pool: Pool | None, caller: Standing) -> str:
    """From whose custody stock is used in the case, whose person is in `pool`; raises HubAccessOff."""
    if custody is Custody.OWN:
        return case.user
    if pool is None:
        raise HubAccessOff(user=case.user, pool="")
    if not (pool.access_hub_stock or caller.administrator or caller.user == pool.hub):
        raise HubAccessOff(user=case.user, pool=pool.pool)
    return pool.hub


def lines_of(lines: Sequence[Portion], custodian: str) -> tuple[Portion, ...]:
    """The lines of a request, in the custody that is meant; raises Malformed where they name another."""
    others = [
        Violation(f"lines[{index}].stock_item.custodian", f"Left out, or '{custodian}'.")
        for index, line in enumerate(lines)
        if line.item.custodian not in ("", custodian)
    ]
    if others:
        raise Malformed(others)
    return tuple(line._replace(item=line.item._replace(custodian=custodian)) for line in lines)


def mark(
    case: Case, portions: tuple[Portion, ...], *, by: Actor, at: datetime, deed: str, usages: Sequence[str]
) -> Decision[Deed]:
    """Have units of stock used up, which will be marked as `usages`, in the order of the portions.

    What is marked is seen once the ledger has done it. Raises CaseClosed.
    """
    check_open(case)
    done = Deed(deed, subject(case.case), MARK, Work.CONSUME, portions, by, at, things=tuple(usages))
    return Decision(done, (Change(done),))


def unmark(
    case: Case, units: Sequence[Units], found: Mapping[str, Usage], *, by: Actor, at: datetime, deed: str
) -> Decision[Deed]:
    """Have units put back where they lay, of the usages that were `found`; these are under way until that is done.

    Raises CaseClosed, UsageNotFound, UsageExceeded.
    """
    check_open(case)
    portions = tuple(_returned(case, each, found.get(each.usage)) for each in units)
    things = tuple(each.usage for each in units)
    done = Deed(deed, subject(case.case), UNMARK, Work.RESTORE, portions, by, at, things=things)
    return Decision(done, (Change(done), *(Change(replace(found[each], under_way=True)) for each in things)))


def marked(case: Case, deed: Deed) -> Usages:
    """What the ledger has used up by a deed in the case."""
    return Usages(
        tuple(
            Usage(case.case, usage, case.user, *portion.item[:6], portion.quantity, deed.by, deed.at)
            for usage, portion in zip(deed.things, deed.portions, strict=True)
        )
    )


def unmarked(deed: Deed, found: Mapping[str, Usage], *, done: bool) -> Usages:
    """The usages of a deed once the ledger has put their units back, or refused to."""
    return Usages(
        tuple(
            replace(found[each], unmarked=found[each].unmarked + portion.quantity * done, under_way=False)
            for each, portion in zip(deed.things, deed.portions, strict=True)
        )
    )


def _returned(case: Case, units: Units, usage: Usage | None) -> Portion:
    if usage is None:
        raise UsageNotFound(usage=units.usage, case=case.case)
    quantity = units.quantity or max(usage.marked, 1)
    if quantity > usage.marked:
        raise UsageExceeded(usage=units.usage, requested=quantity, marked=usage.marked)
    return Portion(usage.item, quantity)


def mentioned(text: str, persons: Iterable[str], author: str) -> tuple[str, ...]:
    """Those of the persons whom a text names after an `@`, each once, in order; never the author.

    The longest identifier that fits is meant. It stands alone: `@ann` is in `ask @ann.` and `(@ann)`, but neither in
    `@anna` or `@ann.lee`, whoever that is, nor in `mail@ann`.
    """
    there = sorted((each for each in {*persons} if f"@{each}" in text), key=lambda each: (-len(each), each))
    names = "|".join(map(re.escape, there))
    found = re.findall(rf"(?<!\w)@({names})(?![-.@]?\w)", text) if names else []
    return tuple(sorted({*found} - {author}))
