"""How an order was planned, as bytes that the ledger keeps with a reservation or with what waits of an order."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

from google.protobuf.message import DecodeError

from weir.aggregator.v1 import fulfilment_pb2 as pb
from weir.common.v1 import revision_pb2
from weir_aggregator.domain import UNWANTED, Point, Purpose, Recorded
from weir_aggregator.wire import plans, wishes
from weir_aggregator.wire.items import product, product_message
from weir_allocation.fulfilment.model import Terms, Wish
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Product
from weir_chassis.errors import Malformed
from weir_chassis.fields import Fields

BYTES_MAX = 131_072
"""What the ledger keeps at most."""
_OPENED_BYTES_MAX = 64 * BYTES_MAX
"""What comes out of it at most: nobody but the ledger is believed that it is no bomb."""
_QUICKLY = 1
"""The level of compression: higher ones take twice as long, and save a tenth."""


def dump(recorded: Recorded, *, moved: bool = False) -> bytes:
    """What the ledger keeps, of which `read` makes the same; may be more than BYTES_MAX.

    Of the plan all but its allocations, which are the lines of the reservation, unless units were `moved` since.
    """
    wanted = recorded.wish
    document = pb.RecordedPlan(
        wish=wishes.message(wanted, recorded.channel),
        terms=_terms_message(recorded.terms),
        purposes=[
            pb.Purpose(
                line=each.line + 1,
                serves_as=None if _plainly(each, wanted) else product_message(each.serves_as),
                bundles=each.bundles,
            )
            for each in recorded.purposes
        ],
        plan=None if recorded.plan is None else plans.message(recorded.plan, whole=moved),
        revisions=[revision_pb2.Revision(**each._asdict()) for each in recorded.revisions],
    )
    return zlib.compress(document.SerializeToString(deterministic=True), _QUICKLY)


def read(kept: bytes) -> Recorded:
    """What `dump` wrote; raises ValueError for anything else."""
    document = _opened(kept)
    try:
        with Fields() as fields:
            # One rejection after the other: they are as many as are told of, and there is room for.
            wanted, channel = wishes.wish(fields, document.wish, excluded_max=BYTES_MAX)
    except Malformed as fault:
        raise ValueError(fault.message) from None
    return Recorded(
        wanted,
        channel,
        _terms(document.terms),
        tuple(_purposes(document.purposes, wanted)),
        plans.read(document.plan) if document.HasField("plan") else None,
        tuple(Point(each.context, each.cluster, each.epoch, each.number) for each in document.revisions),
    )


def _opened(kept: bytes) -> pb.RecordedPlan:
    opening = zlib.decompressobj()
    try:
        document = opening.decompress(kept, _OPENED_BYTES_MAX)
        if not opening.eof:
            raise ValueError("not all of it is there")
        return pb.RecordedPlan.FromString(document)
    except (zlib.error, DecodeError) as fault:
        raise ValueError(str(fault)) from None


def _purposes(messages: Iterable[pb.Purpose], wanted: Wish) -> Iterator[Purpose]:
    for each in messages:
        if not 0 <= each.line <= len(wanted.lines) or each.bundles < 0:
            raise ValueError("a purpose that the wish knows nothing of")
        if each.HasField("serves_as"):
            yield Purpose(each.line - 1, product(each.serves_as), each.bundles)
        elif each.line:
            yield Purpose(each.line - 1, wanted.lines[each.line - 1].product, each.bundles)
        else:
            raise ValueError("a purpose of nothing")


def _plainly(purpose: Purpose, wanted: Wish) -> bool:
    """Whether units serve as what their line wants."""
    return purpose.line != UNWANTED and purpose.serves_as == wanted.lines[purpose.line].product


def _terms_message(terms: Terms) -> pb.Terms:
    sharing = terms.sharing
    named = sorted({*terms.reach, *terms.denied, *sharing.to, *sharing.bundles})
    distinct = dict.fromkeys(terms.reach[each] for each in named if each in terms.reach)
    reaches = {reach: place for place, reach in enumerate(distinct, 1)}
    return pb.Terms(
        products=[_product_terms(each, terms, reaches) for each in named],
        reaches=[pb.LocationSet(locations=sorted(reach)) for reach in reaches],
        by_custody=terms.by_custody,
    )


def _product_terms(named: Product, terms: Terms, reaches: Mapping[frozenset[str], int]) -> pb.ProductTerms:
    reach, bundle = terms.reach.get(named), terms.sharing.bundles.get(named)
    return pb.ProductTerms(
        product=product_message(named),
        reach=0 if reach is None else reaches[reach],
        denied=named in terms.denied,
        links=[
            pb.LinkTerms(
                source=product_message(link.source),
                locations=sorted(link.locations),
                keep_back=link.keep_back,
                shares_bundles=link.bundles,
                disabled=not link.active,
            )
            for link in terms.sharing.links_to(named)
        ],
        components=[
            pb.ComponentTerms(product=product_message(component), quantity=quantity)
            for component, quantity in (bundle.components if bundle else ())
        ],
    )


def _terms(message: pb.Terms) -> Terms:
    reaches = [frozenset(each.locations) for each in message.reaches]
    if any(not 0 <= each.reach <= len(reaches) for each in message.products):
        raise ValueError("a reach that is not there")
    named = [(product(each.product), each) for each in message.products]
    return Terms(
        NO_SHARING.changed(
            links=[link for each, terms in named for link in _links(each, terms)],
            bundles=[_bundle(each, terms) for each, terms in named if terms.components],
        ),
        {each: reaches[terms.reach - 1] for each, terms in named if terms.reach},
        frozenset(each for each, terms in named if terms.denied),
        message.by_custody,
    )


def _links(destination: Product, terms: pb.ProductTerms) -> Iterator[Link]:
    for place, each in enumerate(terms.links):
        source = product(each.source)
        if each.keep_back < 0:
            raise ValueError("a link that keeps back less than nothing")
        yield Link(
            source[1],
            source,
            destination,
            locations=frozenset(each.locations),
            priority=place,
            keep_back=each.keep_back,
            bundles=each.shares_bundles,
            active=not each.disabled,
        )


def _bundle(parent: Product, terms: pb.ProductTerms) -> Bundle:
    if any(each.quantity < 1 for each in terms.components):
        raise ValueError("a component of which a bundle takes nothing")
    return Bundle(parent, tuple((product(each.product), each.quantity) for each in terms.components))
