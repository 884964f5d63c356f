"""Who may call what: every method that is served is in a policy, and what is in none is denied to everyone."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from tests.contract import protos
from tests.contract.test_protos import LOOKING_OUTWARD
from tests.kit.connecting import connect
from tests.kit.merchant import Merchant, refused
from tests.kit.suite import Suite, server_settings
from weir.ledger.v1 import ledger_service_pb2
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir_chassis import policy, status
from weir_chassis.auth import DevelopmentAuthenticator, Role
from weir_chassis.policy import Access, Traffic
from weir_chassis.server import Server

LOOKING = ("Get", "BatchGet", "List", "Verify", "Export", "Watch", "Explain", "Preview", "Plan", "ReportUsage")

BEGUN_AND_WATCHED = {"/weir.sync.v1.SyncService/RunSync"}
"""What begins something that goes on without the call, and then watches it."""


def access(suite: Suite) -> dict[str, Access]:
    """What the policies of all running services say together."""
    return {method: each for server in suite.servers.values() for method, each in server.policy.items()}


async def test_every_method_is_in_a_policy_and_nothing_else_is(suite: Suite) -> None:
    """Of each service of the suite, the methods served are those of its policy."""
    for name, server in suite.servers.items():
        assert policy.faults([each.service for each in server.registrations], server.policy) == [], name


async def test_every_service_of_the_contracts_is_served_once(suite: Suite) -> None:
    """What is in the contracts is in one server, and no server has anything that is in no contract."""
    served = sorted(each.service.full_name for server in suite.servers.values() for each in server.registrations)
    assert served == sorted(service.full_name for service in protos.services())


@pytest.mark.parametrize("method", protos.methods(), ids=protos.full_name)
async def test_traffic_and_role_fit_what_a_method_does(method: MethodDescriptor, suite: Suite) -> None:
    """What changes something counts as a write and asks for more than a reader; what only looks asks for no more, and a
    stream of unknown length counts as a watch. Only who runs things has others asked."""
    found = access(suite)[protos.full_name(method)]
    if protos.full_name(method) in LOOKING_OUTWARD:
        assert found == Access(Role.OPERATOR, Traffic.READ)
    elif protos.full_name(method) in BEGUN_AND_WATCHED:
        assert found == Access(Role.OPERATOR, Traffic.WATCH)
    elif method.name.startswith(LOOKING):
        assert found == Access(Role.READER, Traffic.WATCH if method.server_streaming else Traffic.READ)
    else:
        assert found.traffic is Traffic.WRITE
        assert Role.READER < found.role < Role.SERVICE


async def test_a_method_in_no_policy_is_denied(suite: Suite, merchant: Merchant) -> None:
    """The default is no: a server that serves the ledger but has lost a line of its policy denies that method to a
    caller of the highest role, and still answers the next one."""
    ledger = suite.servers["weir_ledger"]
    lost = "/weir.ledger.v1.LedgerService/GetLocation"
    careless = Server(
        server_settings(),
        name="careless",
        registrations=ledger.registrations,
        policies=[{method: each for method, each in ledger.policy.items() if method != lost}],
        authenticator=DevelopmentAuthenticator(),
    )
    async with careless.serving(), connect(careless.address) as channel:
        stub = LedgerServiceStub(channel)
        error = await refused(stub.GetLocation(ledger_service_pb2.GetLocationRequest(location="W1")))
        assert (error.code(), status.reason(error)) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_INSUFFICIENT")
        await stub.ListLocations(ledger_service_pb2.ListLocationsRequest())


def test_a_faulty_policy_would_be_noticed() -> None:
    """The control: a method left out, one that does not exist, and a watch that does not stream are three faults."""
    service = ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"]
    complete = {method: Access(Role.READER, Traffic.READ) for method in policy.methods([service])}
    assert policy.faults([service], complete) == []
    (name, *_) = complete
    assert len(policy.faults([service], {each: access for each, access in complete.items() if each != name})) == 1
    assert len(policy.faults([service], {**complete, "/weir.ledger.v1.LedgerService/Nothing": complete[name]})) == 1
    assert len(policy.faults([service], {**complete, name: Access(Role.READER, Traffic.WATCH)})) == 1
