"""The contracts as protobuf holds them, and as their files are written: what no descriptor keeps is read from there."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor, MethodDescriptor, ServiceDescriptor

from tests.contract.tree import ROOT

PROTOS = ROOT / "protos"

SERVED_ELSEWHERE = "weir.connector.v1"
"""The package of what others serve and weir calls: its services are none of the suite's."""


def files() -> list[FileDescriptor]:
    """Every file of the suite's contracts, by name."""
    names = sorted(path.relative_to(PROTOS).with_suffix("") for path in PROTOS.rglob("*.proto"))
    return [importlib.import_module(".".join(name.parts) + "_pb2").DESCRIPTOR for name in names]


def services() -> list[ServiceDescriptor]:
    """Every service of the suite."""
    served = [file for file in files() if file.package != SERVED_ELSEWHERE]
    return [service for file in served for service in file.services_by_name.values()]


def methods() -> list[MethodDescriptor]:
    """Every rpc of the suite."""
    return [method for service in services() for method in service.methods]


def messages() -> list[Descriptor]:
    """Every message of the suite, inner ones too."""
    return [each for file in files() for outer in file.message_types_by_name.values() for each in _with_inner(outer)]


def enums() -> list[EnumDescriptor]:
    """Every enum of the suite, inner ones too."""
    return [
        *(each for file in files() for each in file.enum_types_by_name.values()),
        *(each for message in messages() for each in message.enum_types),
    ]


def full_name(method: MethodDescriptor) -> str:
    """The name of a method as gRPC writes it."""
    return f"/{method.containing_service.full_name}/{method.name}"


@dataclass(frozen=True, slots=True)
class Reason:
    """One value of ErrorReason as its comment describes it."""

    name: str
    """Without prefix."""
    status: str
    metadata: frozenset[str]


@functools.cache
def reasons() -> dict[str, Reason]:
    """Every reason that the contract names, but the one that is never sent."""
    lines = (PROTOS / "weir/common/v1/error_reason.proto").read_text().splitlines()
    found, comment = {}, ""
    for line in lines:
        text = line.strip()
        if text.startswith("//"):
            comment += text.removeprefix("//")
        elif match := re.fullmatch(r"ERROR_REASON_(\w+) = ([1-9]\d*);", text):
            found[match[1]] = reason(match[1], comment.strip())
            comment = ""
        else:
            comment = ""
    return found


@dataclass(frozen=True, slots=True)
class Bullet:
    """A status, and one of the reasons that an rpc's comment gives for it."""

    place: str
    status: str
    reason: str


def bullets() -> list[Bullet]:
    """Every reason for an error that is named in a comment of the contracts."""
    found = []
    for path in sorted(PROTOS.rglob("*.proto")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r"\s*// \* `([A-Z_]+)`, (.+?):", line)
            if match:
                place = f"{path.name}:{number}"
                found += [Bullet(place, match[1], named) for named in re.findall(r"`([A-Z_]+)`", match[2])]
    return found


@functools.cache
def comments() -> dict[str, str]:
    """The comment of every field, by the field's full name."""
    found: dict[str, str] = {}
    for path in sorted(PROTOS.rglob("*.proto")):
        scopes, comment = [str(path.relative_to(PROTOS).parent).replace("/", ".")], ""
        for line in path.read_text().splitlines():
            text = line.strip()
            if text.startswith("//"):
                comment += text.removeprefix("//")
                continue
            if match := re.match(r"(?:optional |repeated )?(?:map<.+>|[\w.]+) (\w+) = \d+;", text):
                found[".".join([*filter(None, scopes), match[1]])] = comment.strip()
            elif match := re.match(r"(message|enum|service|oneof|rpc) (\w+).*\{$", text):
                scopes.append("" if match[1] == "oneof" else match[2])
            elif text == "}":
                scopes.pop()
            comment = ""
    return found


def reason(name: str, comment: str) -> Reason:
    """Read what a comment says of a reason; fails where it does not say it in the agreed form."""
    status = re.match(r"`([A-Z_]+)`\. ", comment)
    assert status, f"{name}: the comment does not open with a status"
    _, told, keys = comment.rpartition("etadata")
    assert told, f"{name}: the comment does not say which metadata there is"
    return Reason(name, status[1], frozenset(re.findall(r"`([a-z_]+)`", keys)))


def _with_inner(message: Descriptor) -> Iterator[Descriptor]:
    yield message
    for inner in message.nested_types:
        yield from _with_inner(inner)
