"""Record facts: what came, went, moved, was counted.

Facts always win over promises: a movement is accepted even where it leaves less on hand than is reserved. It is
refused only where it takes more units than the books know of, for then the books are wrong and a COUNT has to say so.
One that takes what is available only is a wish, and gives way to promises.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weir_chassis.errors import Refusal
from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.entries import Account, EntryKind, Movement
from weir_ledger.domain.stock import Balance, StockItem
from weir_ledger.errors import BalanceChanged, InsufficientOnHand, InsufficientStock, Shortage


@dataclass(frozen=True, slots=True)
class RecordMovements(Command[tuple[Balance, ...]]):
    """Record facts in their order; the receipt shows every stock item touched, in order of first touch."""

    movements: tuple[Movement, ...]

    def items(self) -> Iterable[StockItem]:
        for movement in self.movements:
            yield movement.item
            if movement.destination is not None:
                yield movement.destination

    def size(self) -> int:
        return 2 * len(self.movements)

    def decide(self, page: Page) -> tuple[Balance, ...]:
        page.limits.require_lines(len(self.movements))
        for item in self.items():
            page.require_location(item.location)
        for movement in self.movements:
            _require_revision(page, movement)
        short: list[tuple[int, Movement, Balance]] = []
        for index, movement in enumerate(self.movements):
            balance = _record(page, movement)
            if balance is not None:
                short.append((index, movement, balance))
        if short:
            raise _refused(page, short)
        return tuple(page.balances.values())


_AGAINST = {
    EntryKind.RECEIVE: Account.SUPPLIER,
    EntryKind.SHIP: Account.CUSTOMER,
    EntryKind.COUNT: Account.ADJUSTMENT,
    EntryKind.ADJUST: Account.ADJUSTMENT,
    EntryKind.CONSUME: Account.CONSUMED,
    EntryKind.RETURN: Account.CUSTOMER,
    EntryKind.RESTORE: Account.CONSUMED,
}
"""The account on the other side of each movement; a TRANSFER has a stock item there."""


def _require_revision(page: Page, movement: Movement) -> None:
    """Raise BalanceChanged unless the balance is as the movement expects it, before anything of the request."""
    expected = movement.expected_revision
    if expected is None:
        return
    item, current = movement.item, page.revision_before(movement.item)
    if expected != current:
        raise BalanceChanged(item.sku, item.location, expected=expected, current=current)


def _record(page: Page, movement: Movement) -> Balance | None:
    """Book one movement; where it takes more than there is, book nothing and return the balance that falls short."""
    balance = page.balance(movement.item)
    delta = _on_hand_delta(movement, balance)
    if balance.on_hand + delta < 0 or (movement.available_only and balance.available + delta < 0):
        return balance
    page.book(
        movement.kind,
        movement.item,
        on_hand=delta,
        against=_AGAINST.get(movement.kind),
        reference=movement.reference,
        occurred_at=movement.occurred_at,
    )
    if movement.destination is not None:
        page.book(
            movement.kind,
            movement.destination,
            on_hand=movement.quantity,
            reference=movement.reference,
            occurred_at=movement.occurred_at,
        )
    return None


def _refused(page: Page, short: Sequence[tuple[int, Movement, Balance]]) -> Refusal:
    """Why movements, each with its place and the balance that falls short, are not recorded: units that are not there
    first, then those that are not available."""
    missing = [_shortage(*each, each[2].on_hand) for each in short if not each[1].available_only]
    if missing:
        return InsufficientOnHand(missing)
    revision = page.revisions_before(movement.item for _, movement, _ in short)
    return InsufficientStock([_shortage(*each, each[2].available) for each in short], revision=revision)


def _shortage(index: int, movement: Movement, balance: Balance, found: int) -> Shortage:
    """What a movement takes more of than the units `found`."""
    item = balance.item
    return Shortage(f"movements[{index}]", item.sku, item.location, abs(movement.quantity), found)


def _on_hand_delta(movement: Movement, balance: Balance) -> int:
    """How a movement changes the units of its stock item."""
    match movement.kind:
        case EntryKind.RECEIVE | EntryKind.RETURN | EntryKind.RESTORE | EntryKind.ADJUST:
            return movement.quantity
        case EntryKind.COUNT:
            return movement.quantity - balance.on_hand
        case _:
            return -movement.quantity
