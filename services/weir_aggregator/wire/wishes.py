"""What a customer wants, in both directions, with the limits of every field."""

from __future__ import annotations

from collections.abc import Sequence

from weir.aggregator.v1 import fulfilment_pb2 as pb
from weir.common.v1 import stock_pb2
from weir_aggregator.wire.items import VIEW_VALUES, product_message, view
from weir_allocation.fulfilment.model import Line, Wish
from weir_allocation.stock import ANY, EACH, Demand
from weir_chassis.fields import QUANTITY_MAX, Fields

LINES_MAX = 1000
PROMISED_LINES_MAX = 500
LOCATIONS_MAX = 1000
CUSTODIANS_MAX = 10
_WHOLE = {pb.FULFILMENT_MODE_WHOLE_ORDER: True, pb.FULFILMENT_MODE_AS_MUCH_AS_POSSIBLE: False}


def wish(
    fields: Fields, asked: pb.Wish, *, lines_max: int = LINES_MAX, excluded_max: int = LOCATIONS_MAX
) -> tuple[Wish, str]:
    """What is wanted, and the channel that sells it."""
    lines = tuple(_line(each, line) for each, line in fields.each("lines", asked.lines, most=lines_max))
    channel = fields.identifier("channel", asked.channel)
    whole = fields.enum("mode", asked.mode, _WHOLE, default=True)
    return (
        Wish(
            lines,
            whole,
            fields.number("locations_max", asked.locations_max, least=0, most=LOCATIONS_MAX) or None,
            asked.one_location_per_line,
            asked.own_stock_only,
            _locations(fields, "preferred_locations", asked.preferred_locations, LOCATIONS_MAX),
            _locations(fields, "excluded_locations", asked.excluded_locations, excluded_max),
            _distances(fields, asked.distances),
        ),
        channel,
    )


def message(wanted: Wish, channel: str) -> pb.Wish:
    """The message of what is wanted of a channel."""
    return pb.Wish(
        lines=map(_line_message, wanted.lines),
        channel=channel,
        mode=pb.FULFILMENT_MODE_WHOLE_ORDER if wanted.whole else pb.FULFILMENT_MODE_AS_MUCH_AS_POSSIBLE,
        locations_max=wanted.locations_max or 0,
        one_location_per_line=wanted.one_location_per_line,
        own_stock_only=wanted.own_only,
        preferred_locations=sorted(wanted.preferred),
        excluded_locations=sorted(wanted.excluded),
        distances=[
            pb.LocationDistance(location=location, distance=distance)
            for location, distance in sorted(wanted.distances.items())
        ],
    )


def _line(fields: Fields, asked: pb.WishLine) -> Line:
    fields.required(asked, "product")
    inner = fields.inner("product")
    return Line(
        (
            inner.identifier("owner", asked.product.owner, optional=True),
            inner.identifier("sku", asked.product.sku),
        ),
        fields.quantity("quantity", asked.quantity),
        _demand(fields, asked) if asked.lot or asked.uom else ANY,
        tuple(fields.identifiers("custodians", asked.custodians, most=CUSTODIANS_MAX)) if asked.custodians else (),
        view(fields, asked.view),
    )


def _demand(fields: Fields, asked: pb.WishLine) -> Demand:
    return Demand(
        fields.identifier("lot", asked.lot, optional=True),
        fields.identifier("uom", asked.uom, optional=True) or EACH,
    )


def _locations(fields: Fields, name: str, asked: Sequence[str], most: int) -> frozenset[str]:
    return frozenset(fields.identifiers(name, asked, most=most)) if asked else frozenset()


def _distances(fields: Fields, asked: Sequence[pb.LocationDistance]) -> dict[str, int]:
    distances = [
        (each.identifier("location", distance.location), each.count("distance", distance.distance, most=QUANTITY_MAX))
        for each, distance in fields.each("distances", asked, least=0, most=LOCATIONS_MAX)
    ]
    fields.unique("distances", [location for location, _ in distances])
    return dict(distances)


def _line_message(line: Line) -> pb.WishLine:
    return pb.WishLine(
        product=product_message(line.product),
        quantity=line.quantity,
        lot=line.demand.lot,
        uom="" if line.demand.uom == EACH else line.demand.uom,
        custodians=line.custodians,
        view=stock_pb2.STOCK_VIEW_UNSPECIFIED if line.view is None else VIEW_VALUES[line.view],
    )
