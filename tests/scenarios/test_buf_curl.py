"""A client that we did not write can find its way: `buf curl` lists what there is, does a day's work, and reads why it
is refused."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
)

from tests.contract import protos
from tests.kit.merchant import Merchant, golden
from tests.kit.suite import CONTEXTS, Suite
from tests.kit.waiting import PATIENCE_SECONDS, until

BUF = Path(sys.executable).parent / "buf"
DETAILS = {"BadRequest": BadRequest, "ErrorInfo": ErrorInfo, "PreconditionFailure": PreconditionFailure}


class Curl:
    """`buf curl`, speaking to one service of the suite for one tenant."""

    def __init__(self, address: str, tenant: str, home: Path) -> None:
        """Ask `address`; `home` takes what buf wants to keep."""
        self._address = address
        self._tenant = tenant
        self._environment = {**os.environ, "BUF_CACHE_DIR": str(home)}

    async def run(self, *arguments: str, path: str = "") -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        process = await self._begun(*arguments, path=path)
        output, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode(), errors.decode()

    async def _begun(self, *arguments: str, path: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect-protocol", "grpc-v1alpha"),
            *("--header", f"weir-tenant: {self._tenant}", *arguments, f"http://{self._address}{path}"),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def listed(self, what: str) -> set[str]:
        """Every service, or every method, of the address."""
        status, output, errors = await self.run(f"--list-{what}")
        assert status == 0, errors
        return set(output.split())

    async def call(self, method: str, **fields: Any) -> Any:
        """The answer of a method that is asked in JSON."""
        status, output, errors = await self.run("--data", json.dumps(fields), path=f"/{method}")
        assert status == 0, errors
        return json.loads(output)

    async def told(self, method: str, **fields: Any) -> list[Any]:
        """Everything that a method streams which is asked in JSON."""
        status, output, errors = await self.run("--data", json.dumps(fields), path=f"/{method}")
        assert status == 0, errors
        return whole(output)

    async def followed(self, method: str, enough: Callable[[list[Any]], object], **fields: Any) -> list[Any]:
        """What a method that is asked in JSON streams without an end, until that is enough."""
        process = await self._begun("--data", json.dumps(fields), path=f"/{method}")
        assert process.stdout is not None
        output = b""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not enough(messages := whole(output.decode(errors="replace"))):
                    more = await process.stdout.read(1 << 16)
                    assert more, "it ended"
                    output += more
            return messages
        finally:
            process.kill()
            await process.communicate()

    async def refused(self, method: str, **fields: Any) -> tuple[str, str, dict[str, Message]]:
        """Code, sentence and details, by the name of their message, of the error that a method ends with."""
        status, _, errors = await self.run("--data", json.dumps(fields), path=f"/{method}")
        assert status != 0
        told = json.loads(errors[errors.index("{") :])
        return (
            told["code"],
            told["message"],
            {each["type"].rpartition(".")[2]: detail(each) for each in told["details"]},
        )


def whole(output: str) -> list[Any]:
    """Messages in JSON, one after the other; without one that is not whole yet."""
    decoder, messages, rest = json.JSONDecoder(), [], output
    while rest := rest.lstrip():
        try:
            message, end = decoder.raw_decode(rest)
        except json.JSONDecodeError:
            break
        messages.append(message)
        rest = rest[end:]
    return messages


def detail(packed: dict[str, Any]) -> Message:
    """One detail of an error, decoded from what travelled."""
    raw = packed["value"]
    message: Message = DETAILS[packed["type"].rpartition(".")[2]].FromString(
        base64.b64decode(raw + "=" * (-len(raw) % 4))
    )
    assert message.ByteSize() > 0
    return message


@pytest.fixture
def ledger(suite: Suite, merchant: Merchant, tmp_path: Path) -> Curl:
    """The ledger, for the merchant."""
    return Curl(suite.ledger, merchant.tenant, tmp_path)


async def test_it_finds_every_service_and_method(suite: Suite, merchant: Merchant, tmp_path: Path) -> None:
    """By reflection alone it lists the services and methods of the contracts, and with them health and reflection."""
    for context, address in suite.addresses.items():
        name = f"weir.{context}.v1"
        curl = Curl(address, merchant.tenant, tmp_path)
        services = {each.full_name for each in protos.services() if each.full_name.startswith(name)}
        methods = {
            protos.full_name(each)[1:] for each in protos.methods() if protos.full_name(each)[1:].startswith(name)
        }
        found_services, found_methods = await asyncio.gather(curl.listed("services"), curl.listed("methods"))
        assert services | {"grpc.health.v1.Health"} <= found_services
        assert {each for each in found_services if each.startswith("weir.")} == services
        assert {each for each in found_methods if each.startswith("weir.")} == methods


async def test_it_does_a_days_work(suite: Suite, merchant: Merchant, ledger: Curl, tmp_path: Path) -> None:
    """It receives units, reserves some of them, and asks what a channel may sell at the revision of the reservation."""
    await golden(merchant, quantities={"DE1": 10})
    item = {"product": {"sku": "BIKE"}, "location": "FR"}
    received = await ledger.call(
        "weir.ledger.v1.LedgerService/RecordMovements",
        requestId="received with curl",
        movements=[{"kind": "ENTRY_KIND_RECEIVE", "stockItem": item, "quantity": 25}],
    )
    assert received["balances"][0]["onHand"] == "25"
    reserved = await ledger.call(
        "weir.ledger.v1.ReservationService/Reserve",
        requestId="reserved with curl",
        draft={"lines": [{"stockItem": item, "quantity": "5"}], "holdDuration": "60s"},
    )
    assert reserved["reservation"]["state"] == "RESERVATION_STATE_HELD"
    aggregator = Curl(suite.aggregator, merchant.tenant, tmp_path)
    answer = await aggregator.call(
        "weir.aggregator.v1.AvailabilityService/GetAvailability",
        product={"sku": "BIKE"},
        channel="web-eu",
        freshness={"atLeast": [reserved["revision"], merchant_revision(merchant)]},
    )
    assert answer["level"] == "30"
    assert {each["context"] for each in answer["revisions"]} == set(CONTEXTS)


async def test_it_places_an_order(suite: Suite, merchant: Merchant, tmp_path: Path) -> None:
    """It asks for the plan of an order, has it promised, and is answered the same when it asks again; a wish that
    cannot be filled is refused with the line at fault."""
    await golden(merchant, quantities={"DE1": 2, "FR": 9})
    aggregator = Curl(suite.aggregator, merchant.tenant, tmp_path)
    wish: Any = {"channel": "web-eu", "lines": [{"product": {"sku": "BIKE"}, "quantity": 5}]}
    freshness = {"atLeast": [merchant_revision(merchant)]}
    planned = await aggregator.call(
        "weir.aggregator.v1.FulfilmentService/PlanFulfilment", wish=wish, freshness=freshness
    )
    allocations = planned["plan"]["allocations"]
    assert [(each["stockItem"]["location"], each["quantity"]) for each in allocations] == [("FR", "5")]
    order = {"requestId": "ordered with curl", "wish": wish, "order": "A-1"}
    reserve = "weir.aggregator.v1.FulfilmentService/ReserveFulfilment"
    answer = await aggregator.call(reserve, **order, freshness=freshness)
    assert answer["plan"]["allocations"] == allocations
    assert answer["reservation"]["order"] == "A-1"
    again = await aggregator.call(reserve, **order)
    assert again["reservation"]["reservation"] == answer["reservation"]["reservation"]
    wish["lines"][0]["quantity"] = 7
    code, _, details = await aggregator.refused(reserve, requestId="refused with curl", wish=wish)
    assert code == "failed_precondition"
    info: Any = details["ErrorInfo"]
    assert (info.reason, info.metadata["sku"], info.metadata["requested"]) == ("ORDER_UNFILLED", "BIKE", "7")
    lines: Any = details["PreconditionFailure"]
    assert len(lines.violations) == 1


async def test_it_has_supplies_divided(suite: Suite, merchant: Merchant, tmp_path: Path) -> None:
    """It says how a product is divided at an instant, asks for that to be done, reads what each group has left, and
    follows what is divided, from where it was when it looked last."""
    await golden(merchant, quantities={"DE1": 10, "US": 4})
    partitioning = Curl(suite.addresses["partitioning"], merchant.tenant, tmp_path)
    service = "weir.partitioning.v1.PartitioningService"
    policy = {"policy": "fair", "strategy": "STRATEGY_EQUAL_DIVISION", "mode": "POLICY_MODE_BALANCED"}
    made = await partitioning.call(
        f"{service}/CreatePolicy",
        requestId="made with curl",
        policy={**policy, "rebalanceInterval": "3600s", "hysteresisUnits": "0"},
    )
    assert (made["policy"]["thresholdPercent"], made["policy"]["rebalanceInterval"]) == (20, "3600s")

    steps = await partitioning.told(f"{service}/Rebalance", requestId="divided with curl")
    assert [step.get("done", False) for step in steps] == [False] * (len(steps) - 1) + [True]
    await until(lambda: both_in_force(partitioning, service))
    answer = await partitioning.call(f"{service}/ListShares", product={"sku": "BIKE"})
    shares = {(each["warehouseGroup"], each["channelGroup"]): each.get("remaining", "0") for each in answer["shares"]}
    assert sorted(units for units in shares.values() if units != "0") == ["10", "4"]

    seen = await partitioning.followed(f"{service}/WatchEpochs", lambda messages: len(made_of(messages)) >= 2)
    epochs = made_of(seen)
    assert [(each["epoch"], each["reason"], each["policy"]) for each in epochs] == [
        ("1", "EPOCH_REASON_FIRST", "fair"),
        ("2", "EPOCH_REASON_FIRST", "fair"),
    ]
    received = {"kind": "ENTRY_KIND_RECEIVE", "stockItem": {"product": {"sku": "BIKE"}, "location": "US"}}
    await Curl(suite.ledger, merchant.tenant, tmp_path).call(
        "weir.ledger.v1.LedgerService/RecordMovements",
        requestId="received with curl",
        movements=[{**received, "quantity": 2}],
    )
    seen = await partitioning.followed(f"{service}/WatchEpochs", made_of, after=seen[-1]["through"])
    [anew] = made_of(seen)
    assert (anew["epoch"], anew["reason"], anew["warehouseGroup"]) == ("3", "EPOCH_REASON_SUPPLY", "us")
    assert [(each["balanced"], each["before"]) for each in anew["shares"]] == [("6", "4")]


def made_of(messages: list[Any]) -> list[Any]:
    """The epochs that a watch told of."""
    return [epoch for message in messages for epoch in message.get("epochs", [])]


async def both_in_force(partitioning: Curl, service: str) -> bool:
    """Whether orders count against the shares of two supplies."""
    listed = (await partitioning.call(f"{service}/ListEpochs")).get("epochs", [])
    return len({each["warehouseGroup"] for each in listed if each.get("inForce")}) == 2


def merchant_revision(merchant: Merchant) -> dict[str, Any]:
    """The newest revision of the network, as JSON."""
    seen = merchant.seen["sharing"]
    return {"context": seen.context, "cluster": seen.cluster, "epoch": seen.epoch, "number": str(seen.number)}


async def test_it_reads_why_it_is_refused(merchant: Merchant, ledger: Curl) -> None:
    """A refusal reaches it whole: the code, a sentence, the reason with its numbers, and every line or field at fault,
    each in the standard message for it."""
    await golden(merchant, quantities={"DE1": 3})
    item = {"product": {"sku": "BIKE"}, "location": "DE1"}
    code, message, details = await ledger.refused(
        "weir.ledger.v1.ReservationService/Reserve",
        requestId="refused with curl",
        draft={"lines": [{"stockItem": item, "quantity": 5}]},
    )
    assert code == "failed_precondition"
    assert "3" in message
    assert "5" in message
    info: Any = details["ErrorInfo"]
    assert (info.reason, info.domain) == ("INSUFFICIENT_STOCK", "weir")
    assert (info.metadata["requested"], info.metadata["available"]) == ("5", "3")
    short: Any = details["PreconditionFailure"]
    assert [each.subject for each in short.violations] == ["draft.lines[0]"]
    code, _, details = await ledger.refused(
        "weir.ledger.v1.ReservationService/Reserve", draft={"lines": [{"stockItem": item, "quantity": 0}]}
    )
    assert code == "invalid_argument"
    bad: Any = details["BadRequest"]
    assert {each.field for each in bad.field_violations} == {"request_id", "draft.lines[0].quantity"}
