"""What the store answers, as far as it is read; the names are those of the API."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from weir_sync.connectors.asking import Whole

N = TypeVar("N")


class Throttle(msgspec.Struct, rename="camel"):
    """The bucket that requests are paid from."""

    currently_available: float
    restore_rate: float


class Cost(msgspec.Struct, rename="camel"):
    """What a request costs, in points."""

    requested_query_cost: float = 0
    throttle_status: Throttle | None = None


class Extensions(msgspec.Struct):
    """What is told beside data and errors."""

    cost: Cost | None = None
    code: str = ""


class Error(msgspec.Struct):
    """Why a request was not carried out."""

    extensions: Extensions | None = None


class Answer(msgspec.Struct):
    """Any answer; `data` by the name of what was asked for."""

    data: dict[str, msgspec.Raw] | None = None
    errors: list[Error] | str | None = None
    extensions: Extensions | None = None


class PageInfo(msgspec.Struct, rename="camel"):
    """Whether a list goes on, and where."""

    has_next_page: bool
    end_cursor: str | None = None


class Page(msgspec.Struct, Generic[N], rename="camel"):
    """Part of a list."""

    nodes: list[N]
    page_info: PageInfo


class Location(msgspec.Struct, rename="camel"):
    """A location."""

    is_active: bool


class Item(msgspec.Struct):
    """An inventory item."""

    id: str
    sku: str | None = None


class UserError(msgspec.Struct):
    """Why nothing was set, and the way to what is wrong."""

    code: str | None = None
    field: list[str] | None = None


class SetResult(msgspec.Struct, rename="camel"):
    """What became of quantities that were to be set."""

    user_errors: list[UserError]


class Quantity(msgspec.Struct):
    """A quantity; of those that are asked for, there is only what is available."""

    quantity: Whole


class InventoryLevel(msgspec.Struct):
    """Quantities at a location."""

    quantities: list[Quantity]


class Stocked(msgspec.Struct, rename="camel"):
    """An inventory item, and what there is of it at a location, if it is stocked there; nothing of another object."""

    id: str = ""
    inventory_level: InventoryLevel | None = None


class Line(msgspec.Struct):
    """A line of an order."""

    quantity: Whole
    sku: str | None = None


class Order(msgspec.Struct, rename="camel"):
    """An order."""

    id: str
    updated_at: str
    line_items: Page[Line]
    created_at: str | None = None
    cancelled_at: str | None = None


class OrderLines(msgspec.Struct, rename="camel"):
    """More lines of an order."""

    line_items: Page[Line]
