"""The contracts are of one make: whoever has learned one rpc knows the next."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor

from tests.contract import protos

WITHOUT_REVISION = {
    "/weir.ledger.v1.LedgerService/VerifyBooks",
    "/weir.ledger.v1.LedgerService/GetSignedHead",
    "/weir.aggregator.v1.AvailabilityService/PreviewChange",
}
"""Reads whose revision is inside what they find."""
WITH_REVISIONS = {"/weir.sharing.v1.SharingService/ListSources"}
"""Reads that rest on another context, too, as all of the aggregator's do."""
WITH_COUNTS = {"/weir.pooling.v1.PoolingService/ListStock"}
"""Reads that show counts of the ledger beside what is their own, and say of which revision of it."""
UNPAGED = {
    "/weir.aggregator.v1.AvailabilityService/ListExposures",
    "/weir.ledger.v1.ReservationService/ListDemand",
}
"""Lists of the first alone, and those that are gone on with from a revision."""
WITH_MARKS = {"/weir.ledger.v1.ReservationService/ListDemand"}
"""Reads that say which revision they went up to."""
OF_STATES = {"/weir.aggregator.v1.AvailabilityService/WatchSupplies"}
"""Watches for those who keep nothing: they begin with everything each time."""
LOOKING_OUTWARD = {"/weir.sync.v1.ConnectionService/TestConnection"}
"""What asks a system that is none of the suite's: it changes nothing here, and reads nothing that has a revision."""
GOING_ON = {"weir.sync.v1.SyncService", "weir.sync.v1.OrderService"}
"""Services about what goes on: nothing of it draws a revision, and who watches begins with what is, or with now."""
BESIDE_COUNTS = {"/weir.sync.v1.SyncService/ListWarehouseRows", "/weir.sync.v1.OrderService/ReportStoreOrder"}
"""What of what goes on shows counts of the ledger beside it, or changes them, and says of which revision."""
ABOUT_ATTEMPTS = {"GetSnapshotImport", "ListSnapshotLines", "GetReserveOutcome"}
"""Reads that ask what became of an attempt."""

UNSIGNED = {
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_FIXED32,
    FieldDescriptor.TYPE_FIXED64,
}
FLOATS = {FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE}


def fields(message: Descriptor) -> list[FieldDescriptor]:
    """The fields of a message in the order in which they are declared."""
    return list(message.fields)


def changes(method: MethodDescriptor) -> bool:
    """Whether the rpc changes anything: its name is none of those that only look."""
    return not method.name.startswith(
        ("Get", "BatchGet", "List", "Verify", "Export", "Watch", "Explain", "Preview", "Plan", "ReportUsage")
    )


def type_of(field: FieldDescriptor) -> str:
    """The message or scalar that a field is of."""
    return "" if field.message_type is None else str(field.message_type.full_name)


def goes_on(method: MethodDescriptor) -> bool:
    """Whether the rpc is about what goes on."""
    return method.containing_service.full_name in GOING_ON


inward = [each for each in protos.methods() if protos.full_name(each) not in LOOKING_OUTWARD]
mutating = pytest.mark.parametrize("method", [each for each in inward if changes(each)], ids=protos.full_name)
drawing = pytest.mark.parametrize(
    "method", [each for each in inward if changes(each) and not goes_on(each)], ids=protos.full_name
)
reading = pytest.mark.parametrize(
    "method",
    [each for each in inward if not changes(each) and not each.name.startswith("Watch") and not goes_on(each)],
    ids=protos.full_name,
)
listing = pytest.mark.parametrize(
    "method",
    [
        each
        for each in protos.methods()
        if each.name.startswith("List") and not each.server_streaming and protos.full_name(each) not in UNPAGED
    ],
    ids=protos.full_name,
)
watching = pytest.mark.parametrize(
    "method", [each for each in protos.methods() if each.name.startswith("Watch")], ids=protos.full_name
)
looking_on = pytest.mark.parametrize(
    "method", [each for each in protos.methods() if goes_on(each) and not changes(each)], ids=protos.full_name
)
every_message = pytest.mark.parametrize("message", protos.messages(), ids=lambda each: each.full_name)


@mutating
def test_a_caller_names_each_change(method: MethodDescriptor) -> None:
    """`request_id` is field 1 of every request that changes something, and `validate_only` its last field."""
    first, *_, last = fields(method.input_type)
    assert (first.name, first.number, first.type) == ("request_id", 1, FieldDescriptor.TYPE_STRING)
    assert (last.name, last.type) == ("validate_only", FieldDescriptor.TYPE_BOOL)


@drawing
def test_every_write_answers_with_its_revision(method: MethodDescriptor) -> None:
    """`revision` is the last field of every response to a write."""
    last = fields(method.output_type)[-1]
    assert (last.name, type_of(last)) == ("revision", "weir.common.v1.Revision")


@reading
def test_every_read_can_ask_for_freshness(method: MethodDescriptor) -> None:
    """Whoever only reads may say how fresh the answer must be, and names no attempt but one it asks about."""
    assert type_of(method.input_type.fields_by_name["freshness"]) == "weir.common.v1.Freshness"
    assert ("request_id" in method.input_type.fields_by_name) == (method.name in ABOUT_ATTEMPTS)


@reading
def test_every_answer_names_what_it_rests_on(method: MethodDescriptor) -> None:
    """Every answer to a read carries the revision, or the revisions, that it rests on."""
    named = {field.name for field in fields(method.output_type) if type_of(field) == "weir.common.v1.Revision"}
    name = protos.full_name(method)
    several = name.startswith("/weir.aggregator.") or name in WITH_REVISIONS
    one = {"through"} if name in WITH_MARKS else {"revision"}
    one |= {"ledger_revision"} if name in WITH_COUNTS else set()
    assert named == (set() if name in WITHOUT_REVISION else {"revisions"} if several else one)


@looking_on
def test_what_goes_on_has_no_revision(method: MethodDescriptor) -> None:
    """Nobody asks how fresh what goes on must be, and no answer says what it rests on, but counts of the ledger do."""
    assert {"freshness", "after"}.isdisjoint(method.input_type.fields_by_name)
    named = {field.name for field in fields(method.output_type) if type_of(field) == "weir.common.v1.Revision"}
    assert named == ({"ledger_revision"} if protos.full_name(method) in BESIDE_COUNTS else set())


@listing
def test_lists_come_in_pages(method: MethodDescriptor) -> None:
    """Every list takes the size of a page and a token, and gives the token of the next."""
    asked, answered = method.input_type.fields_by_name, method.output_type.fields_by_name
    assert asked["page_size"].type == FieldDescriptor.TYPE_INT32
    assert asked["page_token"].type == answered["next_page_token"].type == FieldDescriptor.TYPE_STRING
    assert fields(method.output_type)[0].is_repeated


@watching
def test_watches_can_be_resumed(method: MethodDescriptor) -> None:
    """Every watch streams, says in each message through where all was sent, and begins after such a mark; one of states
    says what each message rests on. One of what goes on tells how it stands.
    """
    assert method.server_streaming
    if goes_on(method):
        return
    if protos.full_name(method) in OF_STATES:
        assert type_of(method.output_type.fields_by_name["revisions"]) == "weir.common.v1.Revision"
        assert "after" not in method.input_type.fields_by_name
        return
    assert type_of(method.output_type.fields_by_name["through"]) == "weir.common.v1.Revision"
    assert type_of(method.input_type.fields_by_name["after"]) == "weir.common.v1.Revision"


@pytest.mark.parametrize("method", protos.methods(), ids=protos.full_name)
def test_every_rpc_has_messages_of_its_own(method: MethodDescriptor) -> None:
    """Request and response bear the name of their rpc, so that each can grow by itself."""
    assert (method.input_type.name, method.output_type.name) == (f"{method.name}Request", f"{method.name}Response")
    assert not method.client_streaming or method.name.startswith("Import")


@every_message
def test_quantities_are_whole_and_signed(message: Descriptor) -> None:
    """There is no float anywhere, and no unsigned number whose difference could wrap."""
    assert [field.name for field in fields(message) if field.type in FLOATS | UNSIGNED] == []


@every_message
def test_time_is_named_as_time(message: Descriptor) -> None:
    """A moment is a Timestamp named `..._time`, a span a Duration named `..._duration`, or `..._interval` where it lies
    between two times that something is done, and nothing else is."""
    suffixes = {"google.protobuf.Timestamp": ("_time",), "google.protobuf.Duration": ("_duration", "_interval")}
    every = tuple(suffix for several in suffixes.values() for suffix in several)
    for field in fields(message):
        assert field.name.endswith(suffixes.get(type_of(field), field.name)), field.full_name
        assert type_of(field) in suffixes or not field.name.endswith(every), field.full_name


@pytest.mark.parametrize("enum", protos.enums(), ids=lambda each: each.full_name)
def test_nothing_is_unspecified(enum: EnumDescriptor) -> None:
    """The value 0 of every enum says that nothing was said."""
    zero = enum.values_by_number[0]
    assert zero.name.endswith("_UNSPECIFIED")
    assert enum.values[0].name == zero.name


def test_only_well_known_types_and_the_common_ones_are_imported() -> None:
    """A context imports its own files, `weir.common` and Google's well-known types, never another context; but the
    aggregator the objects of those that it follows, which a preview takes as they would be, and of the ledger, which
    promises what it plans; and sync what a store says that it can do."""
    objects = (
        "weir/ledger/v1/reservation",
        "weir/ledger/v1/waiting",
        "weir/sharing/v1/network",
        "weir/partitioning/v1/policy",
        "weir/sync/v1/rule",
    )
    followed = {
        "weir/aggregator": {f"{each}.proto" for each in objects},
        "weir/sync": {"weir/connector/v1/connector.proto"},
    }
    for file in protos.files():
        own = file.package.removesuffix(".v1").replace(".", "/")
        foreign = {
            each.name
            for each in file.dependencies
            if not each.name.startswith(("google/protobuf/", "weir/common/", f"{own}/"))
        }
        assert foreign <= followed.get(own, set()), file.name


def test_there_is_something_to_hold() -> None:
    """The control: the rules above are asked of writes, reads, lists and watches of every context."""
    assert {method.containing_service.name for method in protos.methods()} == {
        "LedgerService",
        "ReservationService",
        "WaitingService",
        "NetworkService",
        "SharingService",
        "PartitioningService",
        "RuleService",
        "ConnectionService",
        "ListingService",
        "SyncService",
        "OrderService",
        "PoolingService",
        "TransferService",
        "CaseService",
        "AlertService",
        "AvailabilityService",
        "FulfilmentService",
    }
    assert sum(changes(method) for method in protos.methods()) >= 20
