"""What was seen of one run, as it was seen: kept in a file before anybody judges it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.simulation.model.books import Limits
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_service_pb2, waiting_service_pb2

SERVICES = (
    ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"],
    reservation_service_pb2.DESCRIPTOR.services_by_name["ReservationService"],
    waiting_service_pb2.DESCRIPTOR.services_by_name["WaitingService"],
)
METHODS = {method.name: method for service in SERVICES for method in service.methods}


_PLAIN = ("client", "ledger", "method", "invoked", "returned", "accident")
"""What of a call is kept as it is."""


def now() -> int:
    """This moment in microseconds since 1970, by the clock that Postgres on the same machine reads, too."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call was refused; `definite` where that is the outcome of its request id."""

    code: str
    reason: str
    numbers: dict[str, str]
    definite: bool


@dataclass(slots=True)
class Call:
    """One call: what was asked and when, and how it ended; neither answer nor refusal means that nobody knows."""

    client: str
    ledger: int
    method: str
    request: Any
    invoked: int
    returned: int | None = None
    answer: Any = None
    refusal: Refusal | None = None
    accident: str = ""

    @property
    def known(self) -> bool:
        """Whether its outcome is known."""
        return self.answer is not None or self.refusal is not None

    @property
    def definite(self) -> bool:
        """Whether it has the outcome of its request id."""
        return self.answer is not None or (self.refusal is not None and self.refusal.definite)

    @property
    def revision(self) -> int | None:
        """The revision it was answered with."""
        return self.answer.revision.number if self.answer is not None else None

    @property
    def contents(self) -> Any:
        """What tells its request from another one under the same id: all of it, or the digest that stands for it."""
        return getattr(self.request, "digest", b"") or self.request

    @property
    def changes(self) -> bool:
        """Whether it asks for a change, by a request id."""
        return hasattr(self.request, "validate_only")

    @property
    def asks_only(self) -> bool:
        """Whether it asks what a change would come to."""
        return self.changes and self.request.validate_only

    def __str__(self) -> str:
        """Itself for people."""
        asked = " ".join(str(self.request).split())
        return f"{self.method} of {self.client} at ledger {self.ledger} [{asked}]"


@dataclass(slots=True)
class Session:
    """What one stream of a watcher showed: every message with the moment it came."""

    watcher: str
    ledger: int
    request: ledger_service_pb2.WatchEntriesRequest
    seen: list[tuple[int, ledger_service_pb2.WatchEntriesResponse]] = field(default_factory=list)
    accident: str = ""
    """Why the stream ended, where no stream should end so."""


@dataclass(slots=True)
class Fault:
    """What was done to the system, and when."""

    what: str
    value: int
    at: int


@dataclass(slots=True)
class History:
    """A whole run. `entries` are the books at its end, as they were listed, `demand` what orders were promised."""

    seed: int
    limits: Limits
    calls: list[Call] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    entries: list[ledger_pb2.Entry] = field(default_factory=list)
    demand: list[reservation_service_pb2.ListDemandResponse] = field(default_factory=list)
    listed: int = 0
    """The revision up to which the books were listed."""
    audits: list[list[str]] = field(default_factory=list)
    """The differences that each audit of the books found."""
    faults: list[Fault] = field(default_factory=list)
    lock_waits: int = 0
    """How often a transaction was seen waiting for a lock."""

    def save(self, path: Path) -> None:
        """Keep it: one JSON object a line."""
        with path.open("w") as file:
            for line in self._lines():
                file.write(json.dumps(line) + "\n")

    def _lines(self) -> Iterator[dict[str, Any]]:
        faults = [asdict(each) for each in self.faults]
        yield {"seed": self.seed, "limits": asdict(self.limits), "listed": self.listed, "audits": self.audits,
               "faults": faults, "lock_waits": self.lock_waits}  # fmt: skip
        for call in self.calls:
            told = {name: getattr(call, name) for name in _PLAIN}
            refusal = None if call.refusal is None else asdict(call.refusal)
            yield {"call": told, "request": packed(call.request), "answer": packed(call.answer), "refusal": refusal}
        for each in self.sessions:
            seen = [(at, packed(message)) for at, message in each.seen]
            yield {"watcher": each.watcher, "ledger": each.ledger, "request": packed(each.request), "seen": seen,
                   "accident": each.accident}  # fmt: skip
        demand = [packed(each) for each in self.demand]
        yield {"entries": [packed(each) for each in self.entries], "demand": demand}

    @classmethod
    def load(cls, path: Path) -> History:
        """What `save` kept."""
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        head = lines[0]
        found = cls(head["seed"], Limits(**head["limits"]), listed=head["listed"], audits=head["audits"])
        found.faults = [Fault(**each) for each in head["faults"]]
        found.lock_waits = head["lock_waits"]
        for line in lines[1:]:
            if "call" in line:
                method = METHODS[line["call"]["method"]]
                call = Call(request=unpacked(method.input_type, line["request"]), **line["call"])
                call.answer = unpacked(method.output_type, line["answer"])
                call.refusal = None if line["refusal"] is None else Refusal(**line["refusal"])
                found.calls.append(call)
            elif "watcher" in line:
                watch = METHODS["WatchEntries"]
                session = Session(line["watcher"], line["ledger"], unpacked(watch.input_type, line["request"]))
                session.accident = line["accident"]
                session.seen = [(at, unpacked(watch.output_type, message)) for at, message in line["seen"]]
                found.sessions.append(session)
            else:
                found.entries = [unpacked(ledger_pb2.Entry.DESCRIPTOR, each) for each in line["entries"]]
                kind = METHODS["ListDemand"].output_type
                found.demand = [unpacked(kind, each) for each in line["demand"]]
        return found


def packed(message: Message | None) -> str | None:
    """A message as text."""
    return None if message is None else base64.b64encode(message.SerializeToString()).decode()


def unpacked(kind: Any, text: str | None) -> Any:
    """The message of a kind, by its descriptor, that `packed` wrote."""
    return None if text is None else GetMessageClass(kind).FromString(base64.b64decode(text))
