"""Whose custody an order is filled from, and a question is about: that of the person who sells, as he views it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weir_aggregator.domain import Question
from weir_aggregator.errors import ChannelNotFound
from weir_aggregator.projection import Projection
from weir_allocation.custody import Seller, View
from weir_allocation.fulfilment.model import Line, Wish
from weir_chassis.errors import Malformed, Violation

_ONLY = "Only for a channel by custody."


def check_view(projection: Projection, question: Question) -> None:
    """Raises Malformed where a view is asked for of a channel that is not reached by custody."""
    channel = projection.configuration.network.channels.get(question.channel)
    if question.view is not None and channel is not None and not channel.by_custody:
        raise Malformed([Violation("view", _ONLY)])


def viewed(projection: Projection, wish: Wish, channel: str) -> Wish:
    """The wish with custodians in every line, if the channel is reached by custody; raises ChannelNotFound,
    Malformed.
    """
    sells = projection.configuration.network.channels.get(channel)
    if sells is None:
        raise ChannelNotFound(channel)
    return named(wish, projection.configuration.seller(sells), by_custody=sells.by_custody)


def viewed_again(projection: Projection, wish: Wish, former: Wish, channel: str, *, by_custody: bool) -> Wish:
    """The same of another wish for an order of a channel that may be gone.

    Lines that want what was wanted before are filled from the custody that the order was accepted with.
    """
    sells = projection.configuration.network.channels.get(channel)
    seller = None if sells is None else projection.configuration.seller(sells)
    return named(wish, seller, by_custody=by_custody, former=former.lines)


def named(wish: Wish, seller: Seller | None, *, by_custody: bool, former: Sequence[Line] = ()) -> Wish:
    """The wish with the custodians of each line: as it names them, else those of its view.

    Raises Malformed where it says anything of custody and the channel is not reached by it, or where it names both, or
    neither and nobody sells through the channel.
    """
    known = {(each.product, each.demand, each.view): each.custodians for each in former}
    lines, bad = [], []
    for number, line in enumerate(wish.lines):
        seen = line.view or View.BOTH
        custodians = known.get((line.product, line.demand, seen))
        if not by_custody:
            said = {"custodians": bool(line.custodians), "view": line.view is not None}
            bad += [Violation(f"wish.lines[{number}].{name}", _ONLY) for name, given in said.items() if given]
        elif line.custodians:
            if line.view is not None:
                bad.append(Violation(f"wish.lines[{number}].view", "Not beside custodians."))
        elif custodians is not None:
            line = replace(line, custodians=custodians, view=seen)
        elif seller is not None:
            line = replace(line, custodians=seller.custodians(seen), view=seen)
        else:
            bad.append(Violation(f"wish.lines[{number}].custodians", "Required: the channel is reached by custody."))
        lines.append(line)
    if bad:
        raise Malformed(bad)
    return replace(wish, lines=tuple(lines)) if by_custody else wish
