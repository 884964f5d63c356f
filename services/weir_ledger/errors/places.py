"""Refusals about places that hold stock."""

from weir_chassis.errors import Kind, Refusal


class LocationNotFound(Refusal):
    """No such location."""

    kind = Kind.UNKNOWN
    reason = "LOCATION_NOT_FOUND"

    def __init__(self, location: str) -> None:
        """Refuse for want of `location`."""
        super().__init__(f"There is no location {location!r}.", location=location)


class LocationExists(Refusal):
    """The identifier of the location is taken."""

    kind = Kind.TAKEN
    reason = "LOCATION_EXISTS"

    def __init__(self, location: str) -> None:
        """Refuse a second `location` of the name."""
        super().__init__(f"There is a location {location!r} already.", location=location)


class LocationInUse(Refusal):
    """Stock was booked at the location, and the books keep it."""

    kind = Kind.UNMET
    reason = "LOCATION_IN_USE"

    def __init__(self, location: str, stock_items: int) -> None:
        """Refuse to remove `location`, where `stock_items` have a balance."""
        super().__init__(
            f"Location {location!r} cannot be removed: {stock_items} stock items were booked there.",
            location=location,
            stock_items=stock_items,
        )
