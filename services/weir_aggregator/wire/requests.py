"""What callers ask, with the limits of every field; each function raises Malformed with all that is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.common.v1 import revision_pb2
from weir_aggregator.domain import Change, Product, Question, Selection
from weir_aggregator.wire import changes, items
from weir_allocation.stock import ANY, EACH, Demand
from weir_chassis import revisions
from weir_chassis.fields import Fields
from weir_chassis.revisions import Vector

PRODUCTS_MAX = 1000
SUPPLIES_MAX = 10_000
"""Products of which ListSupplies tells what there is to divide."""
CHANNELS_MAX = 1000
CHANGES_MAX = 1000


def question(request: pb.GetAvailabilityRequest | pb.ExplainAvailabilityRequest) -> tuple[Question, Vector]:
    """A product in a channel, and the revisions the answer must include."""
    with Fields() as fields:
        fields.required(request, "product")
        return (
            Question(
                changes.product(fields.inner("product"), request.product),
                fields.identifier("channel", request.channel),
                _demand(fields, request.lot, request.uom),
                items.view(fields, request.view),
            ),
            _freshness(fields, request.freshness),
        )


def batch(request: pb.BatchGetAvailabilityRequest) -> tuple[list[Product], list[str], Vector]:
    """Products, channels, and the revisions the answer must include."""
    with Fields() as fields:
        return (
            _products(fields, request),
            fields.identifiers("channels", request.channels, most=CHANNELS_MAX),
            _freshness(fields, request.freshness),
        )


def listing(request: pb.ListLevelsRequest) -> tuple[Selection, Vector]:
    """What to list, and the revisions the answer must include."""
    with Fields() as fields:
        return _selection(fields, request), _freshness(fields, request.freshness)


def watching(request: pb.WatchLevelsRequest) -> tuple[Selection, Vector]:
    """What to watch, and the mark to begin after; empty: begin with everything."""
    with Fields() as fields:
        return _selection(fields, request), _mark(fields, request.after)


def supplies(request: pb.ListSuppliesRequest) -> tuple[list[Product], Vector]:
    """Products, none for all, and the revisions the answer must include."""
    with Fields() as fields:
        named = fields.each("products", request.products, least=0, most=SUPPLIES_MAX)
        products = [changes.product(each, product) for each, product in named]
        fields.unique("products", products)
        return products, _freshness(fields, request.freshness)


def preview(request: pb.PreviewChangeRequest) -> tuple[list[Change], Selection, Vector]:
    """What would be otherwise, what to compare, and the revisions the answer must include."""
    with Fields() as fields:
        for each, change in fields.each("changes", request.changes, most=CHANGES_MAX):
            changes.check(each, change)
        selection, asked = _selection(fields, request), _freshness(fields, request.freshness)
        fields.check()
        return [made for change in request.changes for made in changes.configured(change)], selection, asked


def exposure(request: pb.GetExposureRequest) -> tuple[list[Product], Vector]:
    """Products, and the revisions the answer must include."""
    with Fields() as fields:
        return _products(fields, request), _freshness(fields, request.freshness)


def exposures(request: pb.ListExposuresRequest) -> tuple[str | None, int, Vector]:
    """Whose products to list, how many, and the revisions the answer must include."""
    with Fields() as fields:
        return _owner(fields, request), fields.page_size(request.page_size), _freshness(fields, request.freshness)


def _products(fields: Fields, request: pb.BatchGetAvailabilityRequest | pb.GetExposureRequest) -> list[Product]:
    named = fields.each("products", request.products, most=PRODUCTS_MAX)
    return [changes.product(each, product) for each, product in named]


def _demand(fields: Fields, lot: str, uom: str) -> Demand:
    if not lot and not uom:
        return ANY
    return Demand(
        fields.identifier("lot", lot, optional=True),
        fields.identifier("uom", uom, optional=True) or EACH,
    )


def _selection(
    fields: Fields, request: pb.ListLevelsRequest | pb.WatchLevelsRequest | pb.PreviewChangeRequest
) -> Selection:
    channels = fields.identifiers("channels", request.channels, most=CHANNELS_MAX)
    return Selection(tuple(channels), _owner(fields, request))


def _owner(
    fields: Fields,
    request: pb.ListLevelsRequest | pb.WatchLevelsRequest | pb.PreviewChangeRequest | pb.ListExposuresRequest,
) -> str | None:
    return fields.identifier("owner", request.owner, optional=True) if request.HasField("owner") else None


def _freshness(fields: Fields, freshness: revision_pb2.Freshness) -> Vector:
    return revisions.at_least(fields, freshness) if freshness.at_least else {}


def _mark(fields: Fields, after: Sequence[revision_pb2.Revision]) -> Vector:
    named = fields.each("after", after, least=0, most=revisions.CONTEXTS_MAX)
    asked = [revisions.revision(each, message) for each, message in named]
    fields.unique("after", [each.context for each in asked])
    return {each.context: each for each in asked}
