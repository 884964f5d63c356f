"""Who may call, and in which order a call is judged: authenticated, permitted, well-formed, recalled, known, state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from tests.contract.test_protos import LOOKING_OUTWARD
from tests.kit import rpcs, tokens
from tests.kit.guarded import Guarded, altered, guarded, signed_with_the_public_key, unsigned
from tests.kit.merchant import golden, request_id
from tests.kit.postgres import PostgresForTests
from tests.kit.rpcs import Metadata, Outcome
from tests.kit.suite import SCHEMAS
from tests.kit.tokens import Signer
from tests.scenarios import samples
from tests.scenarios.samples import METHODS
from weir_chassis.auth import Role

NO_MESSAGE = b"\x0a\xff\xff\xff\xff\x0f"
"""Bytes that are a message of no method."""

LEDGER = "/weir.ledger.v1.LedgerService/"
RESERVATIONS = "/weir.ledger.v1.ReservationService/"
NETWORK = "/weir.sharing.v1.NetworkService/"

every_method = pytest.mark.parametrize("name", METHODS, ids=lambda name: name.rpartition("/")[2])


@pytest.fixture(scope="module")
async def house(postgres: PostgresForTests, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    """A guarded suite for the module."""
    folder: Path = tmp_path_factory.mktemp("keys")
    with postgres.fresh(*SCHEMAS) as database:
        async with guarded(database, folder) as running:
            yield running


async def ask(house: Guarded, name: str, asked: Message | bytes = NO_MESSAGE, metadata: Metadata = ()) -> Outcome:
    """Call an rpc; by default with bytes that would be refused if anybody read them."""
    return await rpcs.call(house.suite.channel(name), METHODS[name], asked, metadata)


def least_role(house: Guarded, name: str) -> Role:
    """The role that the policy asks for."""
    role: Role = next(server.policy[name].role for server in house.suite.servers.values() if name in server.policy)
    return role


@every_method
async def test_nobody_calls_without_a_token(house: Guarded, name: str) -> None:
    """Without a token every method is UNAUTHENTICATED, and the message is not even read."""
    ended = await ask(house, name)
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


@every_method
async def test_nobody_calls_beyond_his_role(house: Guarded, name: str) -> None:
    """The role below the one of the policy is PERMISSION_DENIED before the message is read; that role itself is let
    through to the reading of it."""
    least = least_role(house, name)
    if least > Role.READER:
        below = tokens.bearer(house.token(Role(least - 1).name, "acme"))
        ended = await ask(house, name, metadata=below)
        assert (ended.code, ended.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_INSUFFICIENT")
        assert ended.refusal is not None
        assert ended.refusal.metadata == {"required": least.name, "held": Role(least - 1).name}
    ended = await ask(house, name, metadata=tokens.bearer(house.token(least.name, "acme")))
    assert (ended.code, ended.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED")


async def test_a_reader_changes_nothing(house: Guarded) -> None:
    """With a reader's token everything that writes is denied, and everything that only reads is let through."""
    for name, method in METHODS.items():
        writes = "validate_only" in method.input_type.fields_by_name or name in LOOKING_OUTWARD
        ended = await ask(house, name, metadata=tokens.bearer(reader(house)))
        assert (ended.code is grpc.StatusCode.PERMISSION_DENIED) == writes, name


def reader(house: Guarded, **claims: Any) -> str:
    """A reader's token, but for these claims."""
    return house.token("READER", "acme", **claims)


FORGED = {"tenant": "acme", "role": "ADMINISTRATOR"}
FORGERIES: dict[str, Callable[[Guarded], str]] = {
    "expired": lambda house: reader(house, exp=1),
    "not yet": lambda house: reader(house, nbf=4_000_000_000),
    "endless": lambda house: reader(house, exp=None),
    "of nobody": lambda house: reader(house, sub=None),
    "by a foreign key": lambda house: Signer(kid=house.signer.kid).token(role="READER"),
    "by an unknown key": lambda house: Signer(kid="another").token(role="READER"),
    "by another issuer": lambda house: reader(house, iss="https://elsewhere.example"),
    "for another audience": lambda house: reader(house, aud="elsewhere"),
    "without a role": lambda house: reader(house, role=None),
    "of an unknown role": lambda house: reader(house, role="EMPEROR"),
    "without a tenant": lambda house: reader(house, tenant=None),
    "of a tenant that is no name": lambda house: reader(house, tenant=" acme "),
    "unsigned": lambda house: unsigned(**FORGED),
    "signed with the public key": lambda house: signed_with_the_public_key(house.signer, **FORGED),
    "altered": lambda house: altered(reader(house), role="ADMINISTRATOR"),
    "cut": lambda house: reader(house)[:-4],
    "without a signature": lambda house: reader(house).rpartition(".")[0] + ".",
    "empty": lambda house: "",
    "no token": lambda house: "nonsense",
    "endlessly long": lambda house: "x" * 7000,
}


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("name", [f"{LEDGER}GetLocation", f"{NETWORK}GetChannel", f"{LEDGER}WatchEntries"])
async def test_forgeries_are_not_let_in(house: Guarded, name: str, forgery: str) -> None:
    """Whatever is wrong with a token, the answer is one and the same, and does not help to make a better one."""
    ended = await ask(house, name, metadata=tokens.bearer(FORGERIES[forgery](house)))
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
    assert ended.message == "The bearer token is not valid here."


async def test_the_same_token_when_it_is_good(house: Guarded) -> None:
    """The control: made by the same hand without a fault, the token is let in."""
    ended = await ask(house, f"{LEDGER}ListLocations", b"", tokens.bearer(reader(house)))
    assert ended.code is grpc.StatusCode.OK


@every_method
async def test_nobody_calls_for_another_tenant(house: Guarded, name: str) -> None:
    """A token of one tenant with the name of another is PERMISSION_DENIED, whatever the role short of a service."""
    metadata = tokens.bearer(house.token("ADMINISTRATOR", "acme"), "globex")
    ended = await ask(house, name, metadata=metadata)
    assert (ended.code, ended.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_INSUFFICIENT")


async def test_a_service_acts_for_whom_it_names(house: Guarded) -> None:
    """A service's token sees what the tenant it names has, and must name one; an administrator of another tenant does
    not see it; and the aggregator, which is a service, answers each tenant its own."""
    acme = house.merchant("ADMINISTRATOR", "tenant acme")
    globex = house.merchant("ADMINISTRATOR", "tenant globex")
    await golden(acme)
    await golden(globex, quantities={"DE1": 7})
    assert await acme.level("BIKE", "web-eu") == 180
    assert await globex.level("BIKE", "web-eu") == 7
    service = house.suite.merchant("tenant acme", tokens.bearer(house.token("SERVICE", None), "tenant acme"))
    assert await service.levels() == await acme.levels()
    ended = await ask(house, f"{LEDGER}ListLocations", b"", tokens.bearer(house.token("SERVICE", None)))
    assert (ended.code, ended.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["weir-tenant"])


async def test_health_and_reflection_ask_for_nothing(house: Guarded) -> None:
    """Whoever watches over the suite needs no token to ask whether it is well."""
    for channel in house.suite.channels.values():
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        assert (await check(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING


async def test_well_formed_comes_before_recalled(house: Guarded) -> None:
    """A request id that was used before does not save a request whose form is bad."""
    administrator = tokens.bearer(house.token("ADMINISTRATOR", "tenant of order"))
    name = f"{LEDGER}CreateLocation"
    named = request_id()
    good = rpcs.request(METHODS[name], request_id=named, location={"location": "W1", "kind": 1})
    assert (await ask(house, name, good, administrator)).code is grpc.StatusCode.OK
    bad = rpcs.request(METHODS[name], request_id=named, location={"location": " W1", "kind": 1})
    assert (await ask(house, name, bad, administrator)).fields == ["location.location"]


async def test_recalled_comes_before_known_and_state(house: Guarded) -> None:
    """Repeated under its request id a request is answered as it was, though by now what it names is gone; and under a
    used id other contents are refused for the id, not for what they name."""
    administrator = tokens.bearer(house.token("ADMINISTRATOR", "tenant of recall"))
    for service, kind, extra in (
        (LEDGER, "location", {"kind": 1}),
        (NETWORK, "warehouse_group", {}),
        (NETWORK, "channel", {"kind": 1}),
    ):
        noun = "".join(word.capitalize() for word in kind.split("_"))
        create, delete = f"{service}Create{noun}", f"{service}Delete{noun}"
        made = rpcs.request(METHODS[create], request_id=request_id(), **{kind: {kind: "W9", **extra}})
        assert (await ask(house, create, made, administrator)).code is grpc.StatusCode.OK
        gone = rpcs.request(METHODS[delete], request_id=request_id(), **{kind: "W9"})
        first = await ask(house, delete, gone, administrator)
        again = await ask(house, delete, gone, administrator)
        assert first.code is again.code is grpc.StatusCode.OK
        assert first.answer == again.answer
        other = rpcs.request(METHODS[delete], request_id=getattr(gone, "request_id"), **{kind: "absent"})  # noqa: B009
        ended = await ask(house, delete, other, administrator)
        assert (ended.code, ended.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


async def test_known_comes_before_state(house: Guarded) -> None:
    """What does not exist is NOT_FOUND, whatever else would stand in the way of the request."""
    administrator = tokens.bearer(house.token("ADMINISTRATOR", "tenant of nothing"))
    absent = "0193c0de-0000-7000-8000-000000000000"
    for name, fields, reason in (
        (f"{RESERVATIONS}Fulfil", {"reservation": absent, "lines": [{"line": 9, "quantity": 10**9}]}, "RESERVATION"),
        (f"{RESERVATIONS}Confirm", {"reservation": absent}, "RESERVATION"),
        (f"{LEDGER}UpdateLocation", {"location": {"location": "absent", "kind": 1, "etag": "77"}}, "LOCATION"),
        (f"{LEDGER}DeleteLocation", {"location": "absent", "etag": "77"}, "LOCATION"),
        (f"{NETWORK}DeleteWarehouseGroup", {"warehouse_group": "absent", "etag": "77"}, "WAREHOUSE_GROUP"),
        (f"{NETWORK}UpdateChannel", {"channel": {"channel": "absent", "kind": 1, "etag": "77"}}, "CHANNEL"),
        (
            f"{NETWORK}DeleteGroupLink",
            {"warehouse_group": "absent", "channel_group": "absent", "etag": "77"},
            "GROUP_LINK",
        ),
    ):
        asked = rpcs.request(METHODS[name], request_id=request_id(), **fields)
        ended = await ask(house, name, asked, administrator)
        assert (ended.code, ended.reason) == (grpc.StatusCode.NOT_FOUND, f"{reason}_NOT_FOUND"), name


def test_every_method_has_a_sample() -> None:
    """The control: the tests here and those of limits and tenants call every method there is."""
    assert set(samples.imagined().requests()) == set(METHODS)
