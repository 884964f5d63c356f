"""Everything has a limit and a defined answer beyond it: for every field of every request, one step inside, at the
limit, and one step beyond; and whatever is sent, no answer is ever UNKNOWN or INTERNAL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.contract import protos
from tests.kit import rpcs
from tests.kit.rpcs import Outcome, Place, places
from tests.kit.suite import Suite
from tests.scenarios import limits, samples
from tests.scenarios.limits import Case
from tests.scenarios.samples import METHODS, World, world
from weir.sync.v1.listing_service_pb2 import ImportListingsResponse

SET_BY_THE_SERVICE = {
    "weir.ledger.v1.BackOrders.waiting",
    "weir.pooling.v1.Actor.acting_for",
    "weir.pooling.v1.Actor.user",
    "weir.pooling.v1.Case.case",
    "weir.pooling.v1.Case.close_time",
    "weir.pooling.v1.Case.create_time",
    "weir.pooling.v1.Case.state",
    "weir.sync.v1.Connection.secret_names",
    "weir.sync.v1.Schedule.next_time",
}
LISTS = [name for name, method in METHODS.items() if "page_token" in method.input_type.fields_by_name]
LONG = 2**63 - 1
BAD_TEXTS = ["a\x00b", "a\nb", "\x7f", " a", "a ", "\u2028", "\u00a0a"]
BAD_NUMBERS = {"quantity": [0, -1, 10**9 + 1, LONG, -LONG - 1], "page_size": [-1, 1001, 10**9], "line": [0, -1]}
ACCIDENTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
PATIENCE_SECONDS = 2.0
"""Longer than any answer takes that need not wait for a revision."""
AT_ONCE = 32
"""How much noise is made at the same time."""

every_method = pytest.mark.parametrize("name", METHODS, ids=lambda name: name.rpartition("/")[2])


@pytest.fixture(scope="module")
async def mine(suite: Suite) -> World:
    """A merchant who has one of everything."""
    return await world(suite.merchant())


async def ask(suite: Suite, mine: World, name: str, asked: Message | bytes) -> Outcome:
    """Call an rpc as the merchant; never ends in an accident."""
    metadata = (("weir-tenant", mine.merchant.tenant),)
    ended = await rpcs.call(suite.channel(name), METHODS[name], asked, metadata, seconds=PATIENCE_SECONDS)
    assert ended.code not in ACCIDENTS, ended
    return ended


def accepted(ended: Outcome) -> bool:
    """Whether the form of a request was good, whatever came of it."""
    return ended.reason != "REQUEST_MALFORMED" and not bad_lines(ended)


def bad_lines(ended: Outcome) -> list[str]:
    """The fields of the lines of an import that were refused for their form: a bad line is not a bad request."""
    if isinstance(ended.answer, ImportListingsResponse):
        return [f"listings[{each.line - 1}].{each.field}" for each in ended.answer.faults]
    if ended.refusal is None or ended.reason != "SNAPSHOT_REFUSED":
        return []
    return [
        f"lines[{int(line.field.removeprefix('line ')) - 1}].{field}"
        for line in ended.refusal.violations
        if line.reason == "REQUEST_MALFORMED"
        for field in re.findall(r"([a-z_.]+): ", line.description)
    ]


def malformed(ended: Outcome, field: str) -> bool:
    """Whether a request was refused for its form, and this field, or what is in it, named."""
    if field.startswith(("lines[", "listings[")) and bad_lines(ended):
        return field in bad_lines(ended)
    named = any(each == field or each.startswith((f"{field}.", f"{field}[")) for each in ended.fields)
    return (ended.code, ended.reason, named) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED", True)


@every_method
async def test_the_samples_are_good(suite: Suite, mine: World, name: str) -> None:
    """The control: each sample is answered OK as it is, so that what a test changes in it is what is refused."""
    for sample in mine.samples(name):
        ended = await ask(suite, mine, name, sample)
        assert ended.code is grpc.StatusCode.OK, ended
        assert ended.answer is not None


@every_method
def test_the_samples_leave_nothing_out(name: str) -> None:
    """The samples of an rpc set every field that its request can have, so that no field escapes the tests below; the
    token of a page, which belongs to a query, has its own."""
    every = [place for sample in samples.imagined().samples(name) for place in places(sample)]
    found = {field.full_name for place in every for field, _ in place.steps}
    missing = {field.full_name for field in leaves(METHODS[name].input_type) if not ruled_out(field, found)} - found
    assert {each for each in missing if each.rpartition(".")[2] not in left_out(name)} <= SET_BY_THE_SERVICE


def ruled_out(field: FieldDescriptor, found: set[str]) -> bool:
    """Whether a field cannot be set beside those that are: another one of its kind is."""
    return field.containing_oneof is not None and any(each.full_name in found for each in field.containing_oneof.fields)


def left_out(name: str) -> set[str]:
    """Fields that a sample need not set: of a new object, what the service sets; of what was not sold already, what is
    of that alone.
    """
    left = {"page_token", "own_channel", "created_revision", "code", "sentence"}
    if "/Create" in name:
        left |= {"etag"}
    if name.endswith(("/Amend", "/PromiseWaiting")):
        left |= {"shortfall_max"}
    return left


def leaves(message: Descriptor) -> Iterable[FieldDescriptor]:
    """Every field of a request that holds a value, at any depth; but of a message that the service sets as a whole."""
    for field in message.fields:
        inner = field.message_type
        if inner is None or inner.full_name.startswith("google.protobuf.") or rpcs.is_map(field):
            yield field
        elif not protos.comments()[field.full_name].endswith("Set by the service."):
            yield from leaves(inner)


@pytest.mark.parametrize("case", limits.cases(), ids=str)
async def test_limits(suite: Suite, mine: World, case: Case) -> None:
    """One step inside a limit and at it a request is well-formed; one step beyond it is INVALID_ARGUMENT and names the
    field."""
    good = mine.samples(case.method)[case.sample]
    for size in limits.within(case.limit):
        ended = await ask(suite, mine, case.method, case.place.set(good, limits.value(case, good, size)))
        assert accepted(ended), f"{size} {case.limit.unit}: {ended}"
    for size in limits.beyond(case.limit):
        ended = await ask(suite, mine, case.method, case.place.set(good, limits.value(case, good, size)))
        assert malformed(ended, case.place.name), f"{size} {case.limit.unit}: {ended}"


def test_every_stated_limit_is_tested() -> None:
    """Every comment of a field of a request that speaks of a number of characters, values or units has its cases."""
    requests = {field.full_name for method in protos.methods() for field in leaves(method.input_type)}
    tested = {case.place.field.full_name for case in limits.cases()}
    stated = {
        name
        for name, comment in protos.comments().items()
        if re.search(r"[\d^]+ to [\d^]+|[Uu]p to \d", comment) and name.rpartition(".")[2] not in limits.BY_THE_CLOCK
    }
    assert len(stated & requests) > 20
    assert (stated & requests) - tested == set()


def strange(place: Place) -> list[Any]:
    """Values of the right type that no field of the kind may hold."""
    field = place.field
    if field.type == FieldDescriptor.TYPE_STRING:
        return [] if field.full_name in limits.ANYTHING else BAD_TEXTS
    if field.enum_type is not None:
        return [99, -1]
    stated = limits.limit(place)
    return [each for each in BAD_NUMBERS.get(field.name, []) if stated is None or not stated.allows(each)]


@every_method
async def test_what_no_field_may_hold(suite: Suite, mine: World, name: str) -> None:
    """NUL, control characters, blanks at an end, values an enum does not have, quantities out of range: each is refused
    with the field named, in every field of every request."""
    good = mine.requests()[name]
    for place in places(good):
        if place.field.is_repeated and place.steps[-1][1] is None:
            continue
        for value in strange(place):
            ended = await ask(suite, mine, name, place.set(good, value))
            assert malformed(ended, place.name), f"{place.name} = {value!r}: {ended}"


@every_method
async def test_the_largest_numbers_do_no_harm(suite: Suite, mine: World, name: str) -> None:
    """The largest and smallest numbers that fit in a field have an answer that was meant, wherever they stand."""
    good = mine.requests()[name]
    extremes = {FieldDescriptor.TYPE_INT64: (LONG, -LONG - 1), FieldDescriptor.TYPE_INT32: (2**31 - 1, -(2**31))}
    asking = [
        ask(suite, mine, name, place.set(good, value))
        for place in places(good)
        if not place.field.is_repeated
        for value in extremes.get(place.field.type, ())
    ]
    for ended in await asyncio.gather(*asking):
        assert ended.refusal is not None or ended.code is grpc.StatusCode.OK, ended


@every_method
async def test_moments_and_spans_out_of_range(suite: Suite, mine: World, name: str) -> None:
    """A Timestamp that is no moment and a Duration whose parts disagree are malformed like any other field."""
    good = mine.requests()[name]
    bad = {
        "google.protobuf.Timestamp": [(253_402_300_800, 0), (-62_135_596_801, 0), (0, -1), (0, 10**9), (LONG, 0)],
        "google.protobuf.Duration": [(0, 0), (-1, 0), (60, -1), (60, 10**9), (LONG, 0)],
    }
    for place in places(good):
        kind = "" if place.field.message_type is None else place.field.message_type.full_name
        for seconds, nanos in bad.get(kind, []):
            value = place.get(good)
            odd = type(value)(seconds=seconds, nanos=nanos)
            ended = await ask(suite, mine, name, place.set(good, odd))
            assert malformed(ended, place.name), f"{place.name} = {seconds}, {nanos}: {ended}"


@every_method
async def test_what_is_required_is_missed(suite: Suite, mine: World, name: str) -> None:
    """A request that says nothing at all is refused for every field that it must have; one that need have none is
    answered."""
    ended = await ask(suite, mine, name, b"")
    required = [
        field.name
        for field in METHODS[name].input_type.fields
        if protos.comments()[field.full_name].startswith("Required")
    ]
    if required:
        assert all(malformed(ended, field) for field in required), ended
    else:
        assert accepted(ended), ended


@every_method
async def test_every_bad_field_is_told_at_once(suite: Suite, mine: World, name: str) -> None:
    """Whoever sends several bad fields hears of all of them in one answer."""
    good = mine.requests()[name]
    bad = good
    spoilt = [
        case.place
        for case in limits.cases()
        if (case.method, case.sample, case.limit.unit) == (name, 0, limits.TEXT)
        and case.place.field.full_name not in limits.ANYTHING
    ]
    for place in spoilt:
        bad = place.set(bad, " bad ")
    ended = await ask(suite, mine, name, bad)
    assert {place.name for place in spoilt} <= set(ended.fields), ended


@pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if "page_token" in method.input_type.fields_by_name]
)
async def test_tokens_of_pages_cannot_be_made(suite: Suite, mine: World, name: str) -> None:
    """Text that is no token, a token that was altered, and one of another query are refused, every one alike."""
    other = next(each for each in LISTS if each != name and each.endswith(("ListLocations", "ListWarehouseGroups")))
    foreign = await a_token(suite, mine, other)
    for token in ("x", "AAAA", "x" * 100_000, "\u2028", foreign, foreign[:-1], foreign + "A"):
        asked = mine.requests()[name]
        asked.page_token = token  # type: ignore[attr-defined]
        ended = await ask(suite, mine, name, asked)
        assert (ended.code, ended.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"), token


async def a_token(suite: Suite, mine: World, name: str) -> str:
    """A token that was really given out, for the second page of a list."""
    ended = await ask(suite, mine, name, rpcs.request(METHODS[name], page_size=1))
    assert ended.answer is not None
    token = getattr(ended.answer, "next_page_token")  # noqa: B009  # the type is known only when it runs
    assert token
    return str(token)


async def test_where_a_transfer_goes_is_held_to_the_same(suite: Suite, mine: World) -> None:
    """The destination of a TRANSFER has the limits of any stock item, the fields named by their whole path."""
    name = "/weir.ledger.v1.LedgerService/RecordMovements"
    bad = {**samples.STOCK_ITEM, "location": "x" * 129, "custodian": " x"}
    movement = {"kind": 3, "stock_item": samples.STOCK_ITEM, "quantity": 1, "destination": bad}
    ended = await ask(suite, mine, name, rpcs.request(METHODS[name], request_id="own transfer", movements=[movement]))
    assert malformed(ended, "movements[0].destination.location")
    assert malformed(ended, "movements[0].destination.custodian")


async def test_lines_of_a_batch_are_counted_together(suite: Suite, mine: World) -> None:
    """2000 lines over several drafts are one batch; 2001 are none, whatever each draft has."""
    name = "/weir.ledger.v1.ReservationService/ReserveBatch"
    good: Any = mine.requests()[name]
    draft = good.drafts[0]
    full = type(draft)()
    full.CopyFrom(draft)
    full.lines.extend([draft.lines[0]] * 499)
    request: Any = rpcs.request(METHODS[name], request_id="own batch", drafts=[full] * 4, validate_only=True)
    assert accepted(await ask(suite, mine, name, request))
    request.drafts.append(draft)
    assert malformed(await ask(suite, mine, name, request), "drafts")


@every_method
async def test_bytes_that_are_no_message(suite: Suite, mine: World, name: str) -> None:
    """Bytes that are not a message of the method are INVALID_ARGUMENT."""
    ended = await ask(suite, mine, name, b"\x0a\xff\xff\xff\xff\x0f")
    assert (ended.code, ended.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED")


@every_method
async def test_a_message_that_is_too_long(suite: Suite, mine: World, name: str) -> None:
    """A message of more than 1 MiB is RESOURCE_EXHAUSTED before anybody reads it."""
    unknown_field = b"\x92\x3f" + varint(1_100_000) + b"x" * 1_100_000
    ended = await ask(suite, mine, name, unknown_field)
    assert ended.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    written = b""
    while number > 0x7F:
        written += bytes([number & 0x7F | 0x80])
        number >>= 7
    return written + bytes([number])


@pytest.fixture(scope="module")
def heads() -> list[bytes]:
    """The samples as bytes, to be spoilt."""
    return [request.SerializeToString() for request in samples.imagined().requests().values()]


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6), start=st.binary(max_size=40))
async def test_noise_has_a_meant_answer(
    suite: Suite, mine: World, heads: list[bytes], noise: list[tuple[int, int]], start: bytes
) -> None:
    """Any bytes at all, sent to any rpc, have an answer that was meant: never UNKNOWN, never INTERNAL."""
    asking = []
    for name, head in zip(METHODS, heads, strict=True):
        spoilt = bytearray(head)
        for at, byte in noise if spoilt else ():  # a request may have nothing to say
            spoilt[at % len(spoilt)] = byte
        asking.append(ask(suite, mine, name, bytes(spoilt)))
    asking += [ask(suite, mine, name, start) for name in METHODS]
    while asking:  # not all at once, or a slow minute is what they meet
        some, asking = asking[:AT_ONCE], asking[AT_ONCE:]
        await asyncio.gather(*some)
