"""What the wire lets in: every limit of every field, from both sides, and all bad fields at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.kit.books import NAME
from tests.kit.ledger import FACT, claiming, draft, item, movement, request
from tests.kit.snapshots import opening
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_service_pb2, reservation_service_pb2
from weir_chassis.errors import Malformed
from weir_chassis.revisions import Revision
from weir_ledger.domain.ceilings import CeilingDraft
from weir_ledger.domain.queries import Moment
from weir_ledger.domain.reservations import LineClaim
from weir_ledger.wire import queries, requests, snapshots

UUIDS = iter(f"{NAME[:-4]}{each:04x}" for each in range(60_000))
READERS: dict[str, Callable[[Any], Any]] = {
    "CreateLocation": requests.create_location,
    "UpdateLocation": requests.update_location,
    "DeleteLocation": requests.delete_location,
    "SetLot": requests.set_lot,
    "RecordMovements": requests.record_movements,
    "Reserve": lambda message: requests.reserve(message, lambda: next(UUIDS)),
    "ReserveBatch": lambda message: requests.reserve_batch(message, lambda: next(UUIDS)),
    "GetReserveOutcome": queries.get_reserve_outcome,
    "Amend": requests.amend,
    "Confirm": requests.confirm,
    "Extend": requests.extend,
    "Fulfil": requests.fulfil,
    "Transfer": requests.transfer,
    "Release": requests.release,
    "MarkHandedOver": requests.mark_handed_over,
    "GetLocation": queries.get_location,
    "ListLocations": queries.list_locations,
    "GetLot": queries.get_lot,
    "ListLots": queries.list_lots,
    "GetBalance": queries.get_balance,
    "ListBalances": queries.list_balances,
    "ListShortfalls": queries.list_shortfalls,
    "ListEntries": queries.list_entries,
    "GetClaims": queries.get_claims,
    "SetCeilings": requests.set_ceilings,
    "ListDemand": queries.list_demand,
    "GetReservation": queries.get_reservation,
    "ListReservations": queries.list_reservations,
    "ImportSnapshot": snapshots.opening,
    "GetSnapshotImport": snapshots.get_snapshot_import,
    "ListSnapshotLines": snapshots.list_snapshot_lines,
    "VerifyBooks": lambda message: queries.freshness(message.freshness),
    "GetSignedHead": lambda message: queries.freshness(message.freshness),
    "ExportBalances": lambda message: queries.freshness(message.freshness),
    "WatchEntries": queries.watch_entries,
}
"""Who reads the request of each rpc."""

REVISION = revision_pb2.Revision(context="ledger", cluster="c", epoch=1, number=5)
GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    "CreateLocation": lambda: {"location": {"location": "W1", "kind": 1}},
    "UpdateLocation": lambda: {"location": {"location": "W1", "kind": 1}},
    "DeleteLocation": lambda: {"location": "W1"},
    "SetLot": lambda: {"lot": {"product": {"sku": "A"}, "lot": "L1"}},
    "RecordMovements": lambda: {"movements": [movement(1, "A", 1)]},
    "Reserve": lambda: {"draft": draft(claiming("A", 1, share=5))},
    "ReserveBatch": lambda: {"drafts": [draft(("A", 1))]},
    "GetReserveOutcome": dict,
    "Amend": lambda: {"reservation": NAME, "releases": [{"line": 1, "quantity": 1}],
                      "lines": [claiming("A", 1, share=5)]},
    "Confirm": lambda: {"reservation": NAME},
    "Extend": lambda: {"reservation": NAME, "hold_duration": {"seconds": 60}},
    "Fulfil": lambda: {"reservation": NAME, "lines": [{"line": 1, "quantity": 1}]},
    "Transfer": lambda: {"reservation": NAME, "lines": [{"line": 1, "quantity": 1, "destination": item("A")}]},
    "Release": lambda: {"reservation": NAME, "lines": [{"line": 1, "quantity": 1}]},
    "MarkHandedOver": lambda: {"reservation": NAME, "lines": [1]},
    "GetLocation": lambda: {"location": "W1"},
    "ListLocations": dict,
    "GetLot": lambda: {"product": {"sku": "A"}, "lot": "L1"},
    "ListLots": lambda: {"product": {"sku": "A"}},
    "GetBalance": lambda: {"stock_item": item("A")},
    "ListBalances": lambda: {"after_stock_item": item("A")},
    "ListShortfalls": dict,
    "ListEntries": dict,
    "GetClaims": lambda: {"claims": ["share"]},
    "SetCeilings": lambda: {"ceilings": [{"claim": "share", "ceiling": 5, "epoch": 1, "subject": "half"}]},
    "ListDemand": dict,
    "GetReservation": lambda: {"reservation": NAME},
    "ListReservations": dict,
    "ImportSnapshot": lambda: {"feed": opening().feed},
    "GetSnapshotImport": dict,
    "ListSnapshotLines": dict,
    "VerifyBooks": dict,
    "GetSignedHead": dict,
    "ExportBalances": dict,
    "WatchEntries": dict,
}  # fmt: skip
"""A request of each rpc that is well formed."""


def bad(message: Any) -> list[str]:
    """The fields of a request that are refused; none where it is well formed."""
    reader = READERS[type(message).__name__.removesuffix("Request")]
    try:
        reader(message)
    except Malformed as refusal:
        return [each.field for each in refusal.violations]
    return []


def test_every_rpc_is_read() -> None:
    """The tables name every rpc of both services, and what they call good is well formed."""
    services = (
        ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"],
        reservation_service_pb2.DESCRIPTOR.services_by_name["ReservationService"],
    )
    assert sorted(READERS) == sorted(GOOD) == sorted(each.name for service in services for each in service.methods)
    assert {name: bad(request(name, **fields())) for name, fields in GOOD.items()} == {name: [] for name in GOOD}


Set = Callable[[Any, Any], None]
Place = tuple[str, str, Set]
"""An rpc, the path of a field, and how to set it."""


def at(*path: str | int) -> Set:
    """Sets the field at a path of a message."""

    def put(message: Any, value: Any) -> None:
        for step in path[:-1]:
            message = message[step] if isinstance(step, int) else getattr(message, step)
        setattr(message, str(path[-1]), value)

    return put


def at_end(*path: str | int) -> Set:
    """Adds to the repeated field at a path of a message."""

    def put(message: Any, value: Any) -> None:
        for step in path:
            message = message[step] if isinstance(step, int) else getattr(message, step)
        message.append(value)

    return put


def of_item(method: str, path: str, *steps: str | int) -> list[Place]:
    """The names in a stock item; the first two must be there."""
    return [
        (method, f"{path}.product.sku", at(*steps, "product", "sku")),
        (method, f"{path}.location", at(*steps, "location")),
        (method, f"{path}.product.owner", at(*steps, "product", "owner")),
        (method, f"{path}.lot", at(*steps, "lot")),
        (method, f"{path}.uom", at(*steps, "uom")),
        (method, f"{path}.custodian", at(*steps, "custodian")),
    ]


WRITES = ("CreateLocation", "UpdateLocation", "DeleteLocation", "SetLot", "RecordMovements", "Reserve", "ReserveBatch",
          "Amend", "Confirm", "Extend", "Fulfil", "Transfer", "Release", "MarkHandedOver")  # fmt: skip
ITEMS = [
    *of_item("RecordMovements", "movements[0].stock_item", "movements", 0, "stock_item"),
    *of_item("Reserve", "draft.lines[0].stock_item", "draft", "lines", 0, "stock_item"),
    *of_item("ReserveBatch", "drafts[0].lines[0].stock_item", "drafts", 0, "lines", 0, "stock_item"),
    *of_item("Amend", "lines[0].stock_item", "lines", 0, "stock_item"),
    *of_item("Transfer", "lines[0].destination", "lines", 0, "destination"),
    *of_item("GetBalance", "stock_item", "stock_item"),
    *of_item("ListBalances", "after_stock_item", "after_stock_item"),
]
REQUIRED: list[Place] = [
    *((method, "request_id", at("request_id")) for method in WRITES),
    ("GetReserveOutcome", "request_id", at("request_id")),
    ("Amend", "lines[0].claims[0].claim", at("lines", 0, "claims", 0, "claim")),
    ("CreateLocation", "location.location", at("location", "location")),
    ("UpdateLocation", "location.location", at("location", "location")),
    ("DeleteLocation", "location", at("location")),
    ("GetLocation", "location", at("location")),
    ("SetCeilings", "ceilings[0].claim", at("ceilings", 0, "claim")),
    ("SetLot", "lot.product.sku", at("lot", "product", "sku")),
    ("SetLot", "lot.lot", at("lot", "lot")),
    ("GetLot", "product.sku", at("product", "sku")),
    ("GetLot", "lot", at("lot")),
    ("ListLots", "product.sku", at("product", "sku")),
    ("Reserve", "draft.lines[0].claims[0].claim", at("draft", "lines", 0, "claims", 0, "claim")),
    *(each for each in ITEMS if each[1].endswith((".sku", "m.location", "n.location"))),
]
OPTIONAL: list[Place] = [
    *(each for each in ITEMS if not each[1].endswith((".sku", "m.location", "n.location"))),
    ("UpdateLocation", "location.etag", at("location", "etag")),
    ("DeleteLocation", "etag", at("etag")),
    ("SetLot", "lot.etag", at("lot", "etag")),
    ("SetLot", "lot.product.owner", at("lot", "product", "owner")),
    ("GetLot", "product.owner", at("product", "owner")),
    ("ListLots", "product.owner", at("product", "owner")),
    ("Reserve", "draft.order", at("draft", "order")),
    ("Reserve", "draft.channel", at("draft", "channel")),
    ("ListBalances", "owner", at("owner")),
    ("ListShortfalls", "owner", at("owner")),
    ("ListBalances", "lot", at("lot")),
    ("ListBalances", "custodian", at("custodian")),
    ("ListEntries", "location", at("location")),
    ("ListReservations", "order", at("order")),
    ("ListReservations", "channel", at("channel")),
    ("ListReservations", "location", at("location")),
]
REPEATED: list[Place] = [
    ("ListBalances", "skus[0]", at_end("skus")),
    ("ListBalances", "locations[0]", at_end("locations")),
    ("ListShortfalls", "skus[0]", at_end("skus")),
    ("ListShortfalls", "locations[0]", at_end("locations")),
    ("GetClaims", "claims[1]", at_end("claims")),
]
TEXTS: list[Place] = [
    ("CreateLocation", "location.display_name", at("location", "display_name")),
    ("RecordMovements", "movements[0].reference", at("movements", 0, "reference")),
    ("Fulfil", "reference", at("reference")),
    ("Transfer", "reference", at("reference")),
]

named = pytest.mark.parametrize(("method", "path", "put"), [*REQUIRED, *OPTIONAL, *REPEATED])
BAD_NAMES = ["x" * 129, "é" * 129, " x", "x ", "\u00a0x", "x\u2003", "a\x00b", "a\tb", "a\x7fb", "a\u0085b", "a\u2028b"]
GOOD_NAMES = ["x", "x" * 127, "x" * 128, "\U0001f6b2" * 128, "a b", "ünïcode/:%'\"\\"]


def filled(method: str, put: Set, value: Any) -> Any:
    """A request that is well formed but for, perhaps, one field."""
    message = request(method, **GOOD[method]())
    put(message, value)
    return message


@named
def test_names(method: str, path: str, put: Set) -> None:
    """A name has 1 to 128 characters, no control character, and no blank at either end."""
    assert [bad(filled(method, put, value)) for value in GOOD_NAMES] == [[]] * len(GOOD_NAMES)
    assert [bad(filled(method, put, value)) for value in BAD_NAMES] == [[path]] * len(BAD_NAMES)


@pytest.mark.parametrize(("method", "path", "put"), REQUIRED)
def test_required_names(method: str, path: str, put: Set) -> None:
    """A required name cannot be left out."""
    assert bad(filled(method, put, "")) == [path]


@pytest.mark.parametrize(("method", "path", "put"), OPTIONAL)
def test_optional_names(method: str, path: str, put: Set) -> None:
    """An optional name can be empty."""
    assert bad(filled(method, put, "")) == []


@pytest.mark.parametrize(("method", "path", "put"), TEXTS)
def test_texts(method: str, path: str, put: Set) -> None:
    """A text for people has up to 256 characters, none of them a control character."""
    assert [bad(filled(method, put, "x" * length)) for length in (0, 1, 255, 256, 257)] == [[], [], [], [], [path]]
    assert bad(filled(method, put, "a\x00b")) == [path]


MOST = 10**9
NUMBERS: list[tuple[str, str, Set, int, int]] = [
    ("RecordMovements", "movements[0].quantity", at("movements", 0, "quantity"), 1, MOST),
    ("Reserve", "draft.lines[0].quantity", at("draft", "lines", 0, "quantity"), 1, MOST),
    ("ReserveBatch", "drafts[0].lines[0].quantity", at("drafts", 0, "lines", 0, "quantity"), 1, MOST),
    ("Fulfil", "lines[0].quantity", at("lines", 0, "quantity"), 1, MOST),
    ("Transfer", "lines[0].quantity", at("lines", 0, "quantity"), 1, MOST),
    ("Release", "lines[0].quantity", at("lines", 0, "quantity"), 1, MOST),
    ("Amend", "releases[0].quantity", at("releases", 0, "quantity"), 1, MOST),
    ("Amend", "lines[0].quantity", at("lines", 0, "quantity"), 1, MOST),
    ("Amend", "expected_revision", at("expected_revision"), 0, 2**63 - 1),
    ("Fulfil", "lines[0].line", at("lines", 0, "line"), 1, 1000),
    ("Transfer", "lines[0].line", at("lines", 0, "line"), 1, 1000),
    ("Release", "lines[0].line", at("lines", 0, "line"), 1, 1000),
    ("Amend", "releases[0].line", at("releases", 0, "line"), 1, 1000),
    ("Reserve", "draft.lines[0].claims[0].ceiling", at("draft", "lines", 0, "claims", 0, "ceiling"), 0, 10**15),
    ("SetCeilings", "ceilings[0].ceiling", at("ceilings", 0, "ceiling"), 0, 10**15),
    ("SetCeilings", "ceilings[0].epoch", at("ceilings", 0, "epoch"), 1, 10**15),
    ("ListShortfalls", "page_size", at("page_size"), 0, 100),
    ("ListLocations", "page_size", at("page_size"), 0, 1000),
    ("ListLots", "page_size", at("page_size"), 0, 1000),
    ("ListBalances", "page_size", at("page_size"), 0, 1000),
    ("ListEntries", "page_size", at("page_size"), 0, 1000),
    ("ListReservations", "page_size", at("page_size"), 0, 1000),
    ("ListEntries", "after_revision", at("after_revision"), 0, 2**63 - 1),
    ("Extend", "hold_duration", at("hold_duration", "seconds"), 1, 30 * 86400),
    ("Reserve", "draft.hold_duration", at("draft", "hold_duration", "seconds"), 1, 30 * 86400),
]


@pytest.mark.parametrize(("method", "path", "put", "least", "most"), NUMBERS)
def test_numbers(method: str, path: str, put: Set, least: int, most: int) -> None:
    """A number is taken from its least to its most, and refused one beyond either end."""
    assert [bad(filled(method, put, each)) for each in (least, least + 1, most - 1, most)] == [[]] * 4
    beyond = [each for each in (least - 1, -MOST, most + 1) if each < 2**63 and (each < 2**31 or most > 2**31)]
    assert [bad(filled(method, put, each)) for each in beyond] == [[path]] * len(beyond)


KINDS: list[tuple[int, dict[int, bool]]] = [
    (4, {-1: False, 0: True, MOST: True, MOST + 1: False}),
    (5, {-MOST - 1: False, -MOST: True, -1: True, 0: False, 1: True, MOST: True, MOST + 1: False}),
    (1, {0: False}),
    (2, {0: False, -1: False}),
    (12, {0: False, -1: False, 1: True, MOST: True, MOST + 1: False}),
]


@pytest.mark.parametrize(("kind", "quantities"), KINDS)
def test_quantities_of_movements(kind: int, quantities: dict[int, bool]) -> None:
    """A COUNT may find nothing, an ADJUST may be negative but not 0, all else moves at least one unit."""
    for quantity, good in quantities.items():
        fields = set(bad(request("RecordMovements", movements=[movement(kind, "A", quantity)])))
        assert fields == (set() if good else {"movements[0].quantity"})


ENUMS: list[tuple[str, str, Set, int, int]] = [
    # the first and the last value that mean something
    ("CreateLocation", "location.kind", at("location", "kind"), 1, 4),
    ("RecordMovements", "movements[0].kind", at("movements", 0, "kind"), 1, 7),
    ("RecordMovements", "movements[0].kind", at("movements", 0, "kind"), 12, 12),
    ("RecordMovements", "movements[0].stock_item.condition", at("movements", 0, "stock_item", "condition"), 0, 3),
    ("Reserve", "draft.mode", at("draft", "mode"), 0, 3),
    ("ListLocations", "kind", at("kind"), 0, 4),
    ("ListBalances", "condition", at("condition"), 0, 3),
    ("ListEntries", "kinds[0]", at_end("kinds"), 1, 12),
    ("ListReservations", "states[0]", at_end("states"), 1, 5),
]


@pytest.mark.parametrize(("method", "path", "put", "least", "most"), ENUMS)
def test_enums(method: str, path: str, put: Set, least: int, most: int) -> None:
    """Every known value is taken, and every unknown one refused, 0 where it has no meaning."""
    for value in range(least, most + 1):
        if (method, path[-5:], value) != ("RecordMovements", ".kind", 3):  # a TRANSFER needs a destination
            assert bad(filled(method, put, value)) == []
    for value in (least - 1, most + 1, 2**31 - 1, -(2**31)):
        assert bad(filled(method, put, value)) == [path]


def lines(number: int) -> Any:
    """A draft of so many lines."""
    return draft(*[("A", 1)] * number)


NUMBERS_OF: list[tuple[str, str, Callable[[int], dict[str, Any]], int, int]] = [
    ("RecordMovements", "movements", lambda n: {"movements": [movement(1, "A", 1)] * n}, 1, 1000),
    ("Reserve", "draft.lines", lambda n: {"draft": lines(n)}, 1, 500),
    ("ReserveBatch", "drafts", lambda n: {"drafts": [lines(1)] * n}, 1, 1000),
    ("ReserveBatch", "drafts", lambda n: {"drafts": [lines(500)] * 3 + [lines(n - 1500)]}, 1501, 2000),
    ("Fulfil", "lines", lambda n: {"lines": [{"line": each % 500 + 1, "quantity": 1} for each in range(n)]}, 0, 500),
    ("Transfer", "lines",
     lambda n: {"lines": [{"line": each % 500 + 1, "quantity": 1, "destination": item("A")} for each in range(n)]},
     1, 500),
    ("Amend", "releases", lambda n: {"releases": [{"line": each + 1, "quantity": 1} for each in range(n)]}, 0, 500),
    ("Amend", "lines", lambda n: {"lines": lines(n).lines}, 0, 500),
    ("Amend", "lines[0].claims", lambda n: {"lines": [claiming("A", 1, **{f"k{each}": 1 for each in range(n)})]}, 0, 8),
    ("ListBalances", "skus", lambda n: {"skus": map(str, range(n))}, 0, 100),
    ("ListBalances", "locations", lambda n: {"locations": map(str, range(n))}, 0, 100),
    ("ListShortfalls", "skus", lambda n: {"skus": map(str, range(n))}, 0, 100),
    ("ListShortfalls", "locations", lambda n: {"locations": map(str, range(n))}, 0, 100),
    ("GetClaims", "claims", lambda n: {"claims": map(str, range(n))}, 1, 100),
    ("SetCeilings", "ceilings", lambda n: {"ceilings": [{"claim": str(each), "epoch": 1} for each in range(n)]}, 1,
     5000),
    ("MarkHandedOver", "lines", lambda n: {"lines": [each % 500 + 1 for each in range(n)]}, 0, 500),
    ("Reserve", "draft.lines[0].claims",
     lambda n: {"draft": draft(claiming("A", 1, **{f"k{each}": 1 for each in range(n)}))}, 0, 8),
    ("WatchEntries", "products", lambda n: {"products": [{"sku": str(each)} for each in range(n)]}, 0, 100),
    ("GetBalance", "freshness.at_least",
     lambda n: {"freshness": {"at_least": [{"context": f"c{each}", "cluster": "c"} for each in range(n)]}}, 0, 16),
]  # fmt: skip


OPAQUE: list[tuple[str, str, Set, int]] = [
    ("Reserve", "digest", at("digest"), 64),
    ("Reserve", "draft.plan", at("draft", "plan"), 131072),
    ("ReserveBatch", "drafts[0].plan", at("drafts", 0, "plan"), 131072),
    ("Amend", "digest", at("digest"), 64),
    ("Amend", "plan", at("plan"), 131072),
]


@pytest.mark.parametrize(("method", "path", "put", "most"), OPAQUE)
def test_bytes(method: str, path: str, put: Set, most: int) -> None:
    """Bytes that nobody looks into are taken whatever they are, up to so many."""
    assert [bad(filled(method, put, b"\x00" * length)) for length in (0, 1, most, most + 1)] == [[], [], [], [path]]


@pytest.mark.parametrize(("method", "path", "make", "least", "most"), NUMBERS_OF)
def test_how_many(method: str, path: str, make: Callable[[int], dict[str, Any]], least: int, most: int) -> None:
    """A repeated field has so many values and no more; where it must not be empty it cannot be."""
    for number in (least, most - 1, most):
        assert bad(request(method, **{**GOOD[method](), **make(number)})) == []
    beyond = [most + 1] if least == 0 or least > 1 else [0, most + 1]
    for number in beyond:
        found = bad(request(method, **{**GOOD[method](), **make(number)}))
        assert path in found or found == [f"{path}[{most}]"]


DOUBLE: list[tuple[str, str, dict[str, Any]]] = [
    ("Fulfil", "lines[1]", {"lines": [{"line": 1, "quantity": 1}, {"line": 1, "quantity": 2}]}),
    ("Transfer", "lines[1]", {"lines": [{"line": 1, "quantity": 1, "destination": item("A", each)} for each in "XY"]}),
    ("Release", "lines[1]", {"lines": [{"line": 1, "quantity": 1}, {"line": 1, "quantity": 2}]}),
    ("Amend", "releases[1]", {"releases": [{"line": 1, "quantity": 1}, {"line": 1, "quantity": 2}]}),
    ("MarkHandedOver", "lines[1]", {"lines": [3, 3]}),
    ("GetClaims", "claims[1]", {"claims": ["k", "k"]}),
    ("SetCeilings", "ceilings[1]", {"ceilings": [{"claim": "k", "epoch": 1}, {"claim": "k", "epoch": 2}]}),
    (
        "Reserve",
        "draft.lines[0].claims[1]",
        {
            "draft": {
                "lines": [
                    {
                        "stock_item": item("A"),
                        "quantity": 1,
                        "claims": [{"claim": "k", "ceiling": 1}, {"claim": "k", "ceiling": 2}],
                    }
                ]
            }
        },
    ),
    ("ListBalances", "skus[1]", {"skus": ["A", "A"]}),
    ("ListBalances", "locations[2]", {"locations": ["A", "B", "A"]}),
    ("ListEntries", "kinds[1]", {"kinds": [1, 1]}),
    ("ListReservations", "states[1]", {"states": [2, 2]}),
    ("GetBalance", "freshness.at_least[1]", {"freshness": {"at_least": [REVISION, REVISION]}}),
]


@pytest.mark.parametrize(("method", "path", "fields"), DOUBLE)
def test_doubles(method: str, path: str, fields: dict[str, Any]) -> None:
    """What must be named once is refused where it is named again."""
    assert bad(request(method, **{**GOOD[method](), **fields})) == [path]


@pytest.mark.parametrize(
    "method",
    ["Amend", "Confirm", "Extend", "Fulfil", "Transfer", "Release", "MarkHandedOver", "GetReservation", "ListEntries"],
)
def test_reservation_names(method: str) -> None:
    """A reservation is named as the ledger named it; anything else is malformed, and where it must be named, nothing
    is too."""
    for value in ("x", NAME.upper(), NAME[:-1], f"{NAME}0", NAME.replace("-", ""), f"{{{NAME}}}", "x" * 129, "a\x00"):
        assert bad(filled(method, at("reservation"), value)) == ["reservation"]
    assert bad(filled(method, at("reservation"), "")) == ([] if method == "ListEntries" else ["reservation"])


W2 = item("A", "W2")
TRANSFERS: list[tuple[str, Any, bool]] = [
    ("another location", W2, True),
    ("another custodian", item("A", custodian="rep"), True),
    ("another condition", item("A", condition=2), True),
    ("the same stock item", item("A"), False),
    ("the same, spelt out", item("A", uom="EACH", condition=1), False),
    ("another sku", item("B", "W2"), False),
    ("another owner", item("A", "W2", owner="shop"), False),
    ("another lot", item("A", "W2", lot="L"), False),
    ("another unit of measure", item("A", "W2", uom="CARTON"), False),
]


@pytest.mark.parametrize(("what", "destination", "good"), TRANSFERS, ids=[each[0] for each in TRANSFERS])
def test_transfers(what: str, destination: Any, good: bool) -> None:
    """A transfer goes to another place, person or condition of the same goods."""
    found = bad(request("RecordMovements", movements=[movement(3, "A", 1, destination=destination)]))
    assert found == ([] if good else ["movements[0].destination"])


def test_destinations() -> None:
    """A transfer needs a destination, and nothing else may have one."""
    found = bad(request("RecordMovements", movements=[movement(3, "A", 1)]))
    assert {"movements[0].destination.product.sku", "movements[0].destination.location"} <= set(found)
    for kind in (1, 2, 4, 5, 6, 7, 12):
        found = bad(request("RecordMovements", movements=[movement(kind, "A", 1, destination=W2)]))
        assert found == ["movements[0].destination"]


@pytest.mark.parametrize(("kind", "good"), [(1, False), (2, True), (3, True), (4, False), (5, False), (6, True),
                                            (7, False), (12, False)])  # fmt: skip
def test_what_gives_way(kind: int, good: bool) -> None:
    """What takes sellable units to a customer, to another place or to be used up may be bound to what is available;
    anything else cannot be, for it only ever brings units, says what was found, or takes what is never available."""
    others = {"available_only": True, **({"destination": W2} if kind == 3 else {})}
    asked = request("RecordMovements", movements=[movement(kind, "A", 1, **others)])
    assert bad(asked) == ([] if good else ["movements[0].available_only"])
    others = {"available_only": True, **({"destination": item("A")} if kind == 3 else {})}
    held = request("RecordMovements", movements=[movement(kind, item("A", condition=2), 1, **others)])
    assert bad(held) == ["movements[0].available_only"]


@pytest.mark.parametrize(("kind", "expected", "good"), [
    (4, 0, True), (4, 2**63 - 1, True), (5, 1, True), (4, -1, False), (5, -(2**63), False),
    (1, 1, False), (2, 1, False), (3, 0, False), (6, 1, False), (7, 1, False), (12, 1, False),
])  # fmt: skip
def test_expected_revisions(kind: int, expected: int, good: bool) -> None:
    """A COUNT or an ADJUST may expect a revision from 0 on, and nothing else may."""
    destination = {"destination": W2} if kind == 3 else {}
    asked = request("RecordMovements", movements=[movement(kind, "A", 1, expected_revision=expected, **destination)])
    assert bad(asked) == ([] if good else ["movements[0].expected_revision"])


def test_numbers_of_lines() -> None:
    """Lines that are handed over are numbered from 1 to 1000; every other number is told with its place."""
    assert bad(request("MarkHandedOver", reservation=NAME, lines=[1, 1000])) == []
    assert bad(request("MarkHandedOver", reservation=NAME, lines=[0, 1, 1001, -1])) == [
        "lines[0]", "lines[2]", "lines[3]",
    ]  # fmt: skip


def test_times() -> None:
    """What happened did so by tomorrow at the latest, and not before the calendar."""
    now = datetime.now(UTC)
    for moment, good in (
        (now + timedelta(hours=23), True),
        (now + timedelta(hours=25), False),
        (datetime(1, 1, 1, tzinfo=UTC), True),
    ):
        for message, path in (
            (request("RecordMovements", movements=[movement(1, "A", 1, occurred_time=moment)]), "movements[0]."),
            (request("Fulfil", reservation=NAME, occurred_time=moment), ""),
            (request("Transfer", **GOOD["Transfer"](), occurred_time=moment), ""),
        ):
            assert bad(message) == ([] if good else [f"{path}occurred_time"])
        message = request("MarkHandedOver", reservation=NAME, handed_over_time=moment)
        assert bad(message) == ([] if good else ["handed_over_time"])
    for seconds, nanos in ((-(10**12), 0), (10**12, 0), (0, -1), (0, 10**9)):
        fields = {"recorded_after_time": {"seconds": seconds, "nanos": nanos}}
        for method in ("ListEntries", "ListDemand"):
            assert bad(request(method, **fields)) == ["recorded_after_time"]


DAYS = {
    "": True, "0001-01-01": True, "2024-02-29": True, "2027-01-31": True, "9999-12-31": True,
    "0000-01-01": False, "2023-02-29": False, "2027-13-01": False, "2027-00-10": False, "2027-1-31": False,
    "20270131": False, "2027-W04-7": False, "2027-01-31 ": False, "2027-01-31T00:00:00": False, "10000-01-01": False,
    "-2027-01-31": False, "\u0662\u0660\u0662\u0667-\u0660\u0661-\u0663\u0661": False, "infinity": False, "\x00": False,
}  # fmt: skip


@pytest.mark.parametrize("day", DAYS)
def test_days(day: str) -> None:
    """A day of the calendar is taken in its one form, or left out; anything else is refused with the field named."""
    lot = {"product": {"sku": "A"}, "lot": "L1", "expiry_date": day}
    assert bad(request("SetLot", lot=lot)) == ([] if DAYS[day] else ["lot.expiry_date"])
    assert bad(request("ListLots", expiring_before=day)) == ([] if DAYS[day] else ["expiring_before"])


def test_spans() -> None:
    """A hold is at least a second and at most 30 days, to the nanosecond; an extension must say how long."""
    day = 86400
    for seconds, nanos, good in (
        (0, 999_999_999, False),
        (1, 0, True),
        (1, 1, True),
        (30 * day, 1, False),
        (-1, 0, False),
        (5, -1, False),
        (5, 10**9, False),
    ):
        span = {"seconds": seconds, "nanos": nanos}
        assert bad(request("Extend", reservation=NAME, hold_duration=span)) == ([] if good else ["hold_duration"])
    assert bad(request("Extend", reservation=NAME)) == ["hold_duration"]


BAD_REVISIONS = [
    ("context", ""), ("context", "x" * 129), ("cluster", ""), ("cluster", "a\x00"), ("epoch", -1), ("number", -1),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD_REVISIONS)
def test_revisions(field: str, value: Any) -> None:
    """A revision that no service can have drawn is malformed, in every read and in a watch."""
    broken = revision_pb2.Revision()
    broken.CopyFrom(REVISION)
    setattr(broken, field, value)
    for method, fields in GOOD.items():
        made = request(method, **fields())
        if "freshness" in made.DESCRIPTOR.fields_by_name:
            made.freshness.at_least.append(broken)
            assert bad(made) == [f"freshness.at_least[0].{field}"]
    for method in ("WatchEntries", "ListDemand"):
        assert bad(request(method, after=broken)) == [f"after.{field}"]


ALL_BAD: list[tuple[str, dict[str, Any], set[str]]] = [
    ("CreateLocation", {"request_id": "", "location": {"display_name": "x" * 257}},
     {"request_id", "location.location", "location.kind", "location.display_name"}),
    ("DeleteLocation", {"request_id": " ", "etag": "\n"}, {"request_id", "location", "etag"}),
    ("RecordMovements", {"request_id": "x" * 129, "movements": [{"quantity": 0}, movement(1, "", -1, reference="\n")]},
     {"request_id", "movements[0].kind", "movements[0].stock_item.product.sku", "movements[0].stock_item.location",
      "movements[0].quantity", "movements[1].stock_item.product.sku", "movements[1].quantity",
      "movements[1].reference"}),
    ("Reserve", {"request_id": "", "draft": draft(("", 0), mode=9, order=" ", channel="\n", hold_seconds=0)},
     {"request_id", "draft.lines[0].stock_item.product.sku", "draft.lines[0].quantity", "draft.mode", "draft.order",
      "draft.channel", "draft.hold_duration"}),
    ("ReserveBatch", {"request_id": "", "drafts": [draft(), draft(("A", -1))]},
     {"request_id", "drafts[0].lines", "drafts[1].lines[0].quantity"}),
    ("Fulfil", {"request_id": "", "lines": [{}], "reference": "x" * 257, "reservation": "?"},
     {"request_id", "lines[0].line", "lines[0].quantity", "reference", "reservation"}),
    ("Transfer", {"request_id": "", "lines": [{}], "reference": "x" * 257, "reservation": "?"},
     {"request_id", "lines[0].line", "lines[0].quantity", "lines[0].destination.product.sku",
      "lines[0].destination.location", "reference", "reservation"}),
    ("Amend", {"request_id": "", "releases": [{}], "lines": [claiming("", 0)], "expected_revision": -1,
               "digest": b"x" * 65, "plan": b"x" * 131073, "reservation": "?"},
     {"request_id", "releases[0].line", "releases[0].quantity", "lines[0].stock_item.product.sku", "lines[0].quantity",
      "expected_revision", "digest", "plan", "reservation"}),
    ("Extend", {"request_id": ""}, {"request_id", "reservation", "hold_duration"}),
    ("MarkHandedOver", {"request_id": "", "lines": [0], "handed_over_time": {"seconds": 10**12}},
     {"request_id", "reservation", "lines[0]", "handed_over_time"}),
    ("SetCeilings", {"request_id": "", "ceilings": [{"ceiling": -1, "subject": "x" * 2049}]},
     {"request_id", "ceilings[0].claim", "ceilings[0].ceiling", "ceilings[0].epoch", "ceilings[0].subject"}),
    ("GetClaims", {"claims": ["", " "], "freshness": {"at_least": [{}]}},
     {"claims[0]", "claims[1]", "freshness.at_least[0].context", "freshness.at_least[0].cluster"}),
    ("ListShortfalls", {"page_size": 101, "owner": " ", "skus": [""], "locations": ["\n"]},
     {"page_size", "owner", "skus[0]", "locations[0]"}),
    ("ListBalances", {"page_size": -1, "owner": " ", "skus": [""], "condition": 9, "freshness": {"at_least": [{}]}},
     {"page_size", "owner", "skus[0]", "condition", "freshness.at_least[0].context", "freshness.at_least[0].cluster"}),
    ("ListEntries", {"page_size": 10**9, "kinds": [0], "after_revision": -1, "reservation": "?", "product": {}},
     {"page_size", "kinds[0]", "after_revision", "reservation", "product.sku"}),
    ("ListReservations", {"page_size": -1, "states": [9], "product": {"owner": " "}},
     {"page_size", "states[0]", "product.owner", "product.sku"}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "fields", "expected"), ALL_BAD, ids=[each[0] for each in ALL_BAD])
def test_all_bad_fields_at_once(method: str, fields: dict[str, Any], expected: set[str]) -> None:
    """A malformed request is told everything that is wrong with it, and nothing that is not."""
    assert set(bad(request(method, **fields))) == expected


def test_defaults() -> None:
    """What is left out means: each, sellable, all or nothing, held as is usual, every open line."""
    made = requests.reserve(request("Reserve", draft=draft(("A", 1))), lambda: NAME)
    assert made.draft is not None
    [line] = made.draft.lines
    assert (line.item.uom, line.item.condition.name, made.draft.mode.name) == ("EACH", "SELLABLE", "ALL_OR_NOTHING")
    assert (made.draft.hold_seconds, made.reservation) == (None, NAME)
    assert requests.fulfil(request("Fulfil", reservation=NAME)).lines == ()
    assert line.claims == ()
    handed = requests.mark_handed_over(request("MarkHandedOver", reservation=NAME))
    assert (handed.lines, handed.handed_over_at) == ((), None)
    [count] = requests.record_movements(request("RecordMovements", movements=[movement(4, "A", 1)])).movements
    assert count.expected_revision is None


def test_claims_of_a_line() -> None:
    """A line that says no ceiling of its own has none, not one of 0; a unit counts once unless it says more."""
    wanted = [{"claim": "a"}, {"claim": "b", "ceiling": 0}, {"claim": "c", "weight": 10**9, "ceiling": 7}]
    line = {"stock_item": item("A"), "quantity": 1, "claims": wanted}
    [read] = requests.reserve(request("Reserve", draft={"lines": [line]}), lambda: NAME).lines
    assert read.claims == (LineClaim("a"), LineClaim("b", 0), LineClaim("c", 7, 10**9))
    for weight in (-1, 10**9 + 1):
        faulty = {**line, "claims": [{"claim": "a", "weight": weight}]}
        assert bad(request("Reserve", draft={"lines": [faulty]})) == ["draft.lines[0].claims[0].weight"]


def test_ceilings() -> None:
    """A ceiling that is left out is none at all, which is not one of 0; a subject may be 2048 characters, and none."""
    wanted = [{"claim": "a", "epoch": 1}, {"claim": "b", "ceiling": 0, "epoch": 10**15, "subject": "x" * 2048}]
    assert requests.set_ceilings(request("SetCeilings", ceilings=wanted)).ceilings == (
        CeilingDraft("a", None, 1), CeilingDraft("b", 0, 10**15, "x" * 2048),
    )  # fmt: skip


@pytest.mark.parametrize("method", ["GetBalance", "ListBalances"])
def test_points_of_the_past(method: str) -> None:
    """A point is a revision, or a moment by one of two clocks; a point that names none is refused, and so is a revision
    that cannot be one, each by its path."""
    read = READERS[method]
    revision = {"context": "ledger", "cluster": "here", "epoch": 1, "number": 7}
    moment = {"seconds": 1_800_000_000, "nanos": 1999}
    when = datetime(2027, 1, 15, 8, 0, 0, 1, UTC)
    points: list[tuple[str, dict[str, Any], Revision | Moment]] = [
        ("revision", revision, Revision("ledger", "here", 1, 7)),
        ("recorded_time", moment, Moment(when, occurred=False)),
        ("occurred_time", moment, Moment(when, occurred=True)),
    ]
    for name, given, point in points:
        assert read(request(method, **{**GOOD[method](), "as_of": {name: given}}))[1] == point
    assert read(request(method, **GOOD[method]()))[1] is None
    refused: list[tuple[dict[str, Any], str]] = [
        ({}, "as_of"),
        ({"revision": {**revision, "cluster": ""}}, "as_of.revision.cluster"),
        ({"revision": {**revision, "number": -1}}, "as_of.revision.number"),
        ({"recorded_time": {"nanos": -1}}, "as_of.recorded_time"),
        ({"occurred_time": {"seconds": 2**40}}, "as_of.occurred_time"),
    ]
    for given, field in refused:
        assert bad(request(method, **{**GOOD[method](), "as_of": given})) == [field]


def test_what_only_a_fact_may_say() -> None:
    """A fact is not held, and nothing else says how much may be missing; of a fact that is between nothing and all."""
    fact, promise = draft(("A", 1), mode=FACT), draft(("A", 1))
    fact.lines[0].shortfall_max = 0
    assert bad(request("Reserve", draft=fact)) == []
    fact.lines[0].shortfall_max = 10**9 + 1
    fact.hold_duration.FromSeconds(60)
    assert bad(request("Reserve", draft=fact)) == ["draft.hold_duration", "draft.lines[0].shortfall_max"]
    promise.lines[0].shortfall_max = 0
    assert bad(request("Reserve", draft=promise)) == ["draft.lines[0].shortfall_max"]
    assert bad(request("Amend", reservation=NAME, lines=promise.lines)) == ["lines[0].shortfall_max"]
