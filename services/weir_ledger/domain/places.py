"""Add, change and remove the locations that hold stock."""

from collections.abc import Iterable
from dataclasses import dataclass

from weir_chassis.errors import EtagStale
from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.stock import BookedLocation, Location
from weir_ledger.errors import LocationExists, LocationInUse, LocationNotFound


@dataclass(frozen=True, slots=True)
class CreateLocation(Command[Location]):
    """Add a location."""

    location: Location

    def locations(self) -> Iterable[str]:
        return (self.location.location,)

    def decide(self, page: Page) -> Location:
        if page.location(self.location.location) is not None:
            raise LocationExists(self.location.location)
        return page.place(self.location)


@dataclass(frozen=True, slots=True)
class UpdateLocation(Command[Location]):
    """Replace kind and display name of a location; an empty etag overwrites whatever is there."""

    location: Location
    etag: str

    def locations(self) -> Iterable[str]:
        return (self.location.location,)

    def decide(self, page: Page) -> Location:
        _current(page, self.location.location, self.etag)
        return page.place(self.location)


@dataclass(frozen=True, slots=True)
class DeleteLocation(Command[None]):
    """Remove a location where nothing was ever booked."""

    location: str
    etag: str

    def locations(self) -> Iterable[str]:
        return (self.location,)

    def decide(self, page: Page) -> None:
        found = _current(page, self.location, self.etag)
        if found.stock_items:
            raise LocationInUse(self.location, found.stock_items)
        page.remove(self.location)


def _current(page: Page, location: str, etag: str) -> BookedLocation:
    """The location as it stands; raises LocationNotFound, or EtagStale unless `etag` is empty or its own."""
    found = page.location(location)
    if found is None:
        raise LocationNotFound(location)
    current = str(found.location.revision)
    if etag and etag != current:
        raise EtagStale(current=current)
    return found
