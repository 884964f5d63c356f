"""What an order wishes: its lines, and how they may be sent, as they stand on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weir.aggregator.v1 import fulfilment_pb2
from weir.common.v1 import stock_pb2
from weir_cli.moving import stock_view
from weir_cli.options import View
from weir_cli.promising import QUANTITY_MAX, LineUnreadable, units_of

DISTANCE_MAX = QUANTITY_MAX


def wish_line(
    text: str,
    *,
    owner: str = "",
    lot: str = "",
    uom: str = "",
    custodians: Sequence[str] = (),
    view: View | None = None,
) -> fulfilment_pb2.WishLine:
    """A line written `SKU=QUANTITY`; without `=QUANTITY` one unit. Raises LineUnreadable."""
    sku, marked, units = text.rpartition("=")
    if not marked:
        sku, units = text, "1"
    if not sku:
        raise LineUnreadable(f"'{text}' is not of the form SKU=QUANTITY.")
    product = stock_pb2.Product(owner=owner, sku=sku)
    return fulfilment_pb2.WishLine(
        product=product, quantity=units_of(text, units), lot=lot, uom=uom, custodians=custodians, view=stock_view(view)
    )


def location_distance(text: str) -> fulfilment_pb2.LocationDistance:
    """How far a location is, written `LOCATION=DISTANCE`. Raises LineUnreadable."""
    location, _, distance = text.rpartition("=")
    if not location or not distance.isascii() or not distance.isdigit() or int(distance) > DISTANCE_MAX:
        raise LineUnreadable(
            f"'{text}' is not of the form LOCATION=DISTANCE, with a whole number from 0 to {DISTANCE_MAX}."
        )
    return fulfilment_pb2.LocationDistance(location=location, distance=int(distance))


@dataclass(frozen=True, slots=True)
class Wished:
    """What a line of the command says of a wish; None where it says nothing."""

    lines: Sequence[fulfilment_pb2.WishLine] | None = None
    partial: bool | None = None
    locations_max: int | None = None
    one_location_per_line: bool | None = None
    own_stock_only: bool | None = None
    preferred: Sequence[str] | None = None
    excluded: Sequence[str] | None = None
    distances: Sequence[fulfilment_pb2.LocationDistance] | None = None

    @property
    def nothing(self) -> bool:
        """Nothing is said."""
        return self == Wished()

    def of(self, base: fulfilment_pb2.Wish) -> fulfilment_pb2.Wish:
        """The wish `base` with what is said in the place of what it had."""
        made = fulfilment_pb2.Wish()
        made.CopyFrom(base)
        if self.partial is not None:
            made.mode = (
                fulfilment_pb2.FULFILMENT_MODE_AS_MUCH_AS_POSSIBLE
                if self.partial
                else fulfilment_pb2.FULFILMENT_MODE_WHOLE_ORDER
            )
        for field, value in (
            ("locations_max", self.locations_max),
            ("one_location_per_line", self.one_location_per_line),
            ("own_stock_only", self.own_stock_only),
        ):
            if value is not None:
                setattr(made, field, value)
        for field, values in (
            ("lines", self.lines),
            ("preferred_locations", self.preferred),
            ("excluded_locations", self.excluded),
            ("distances", self.distances),
        ):
            if values is not None:
                made.ClearField(field)  # type: ignore[arg-type]
                getattr(made, field).extend(values)
        return made
