"""Who may call what, and in which class of traffic it counts: a table each servicer states, complete by test.

    POLICY = of("weir.ledger.v1.LedgerService", GetBalance=Access(Role.READER, Traffic.READ), ...)

A method that is served but not in the table is denied to everyone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from google.protobuf.descriptor import ServiceDescriptor

from weir_chassis.auth import Role


class Traffic(Enum):
    """Classes of calls that cannot crowd each other out: each has its own limit of calls in progress."""

    READ = "read"
    WRITE = "write"
    WATCH = "watch"


@dataclass(frozen=True, slots=True)
class Access:
    """The least role that may call a method, and the class of traffic the call counts in."""

    role: Role
    traffic: Traffic


Policy = Mapping[str, Access]
"""Access by full method name as gRPC writes it: `/weir.ledger.v1.LedgerService/GetBalance`."""


def of(service: str, **methods: Access) -> dict[str, Access]:
    """The policy of one service from its methods' short names."""
    return {f"/{service}/{name}": access for name, access in methods.items()}


def methods(services: Iterable[ServiceDescriptor]) -> list[str]:
    """The full names of all methods of these services, sorted."""
    return sorted(f"/{service.full_name}/{method.name}" for service in services for method in service.methods)


def faults(services: Iterable[ServiceDescriptor], policy: Policy) -> list[str]:
    """What is wrong with a policy, as sentences: methods it leaves out, methods that do not exist, watches that are
    not."""
    found = []
    known: dict[str, bool] = {}
    for service in services:
        for method in service.methods:
            known[f"/{service.full_name}/{method.name}"] = method.server_streaming
    for name in sorted(known.keys() - policy.keys()):
        found.append(f"{name} is served but not in the policy")
    for name in sorted(policy.keys() - known.keys()):
        found.append(f"{name} is in the policy but not served")
    for name in sorted(policy.keys() & known.keys()):
        if policy[name].traffic is Traffic.WATCH and not known[name]:
            found.append(f"{name} counts as a watch but does not stream")
    return found
