"""The catalogue of reasons in the contract is the truth: every refusal of the code is in it as it is, and nothing
else."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any, TypeVar

import pytest

import weir_aggregator.errors
import weir_chassis.errors
import weir_ledger.errors
import weir_partitioning.errors
import weir_pooling.errors
import weir_sharing.errors
import weir_sync.errors
from tests.contract import protos
from weir.common.v1.error_reason_pb2 import ErrorReason
from weir_aggregator.errors import Unfilled
from weir_chassis import errors, status
from weir_chassis.configuration.errors import InUse, Missing, Taken
from weir_chassis.configuration.objects import Configured
from weir_chassis.errors import Kind, RecordedRefusal, Refusal, Violation
from weir_ledger.errors import Exceeded, Excess, Shortage

PACKAGES = (weir_chassis, weir_ledger, weir_sharing, weir_partitioning, weir_sync, weir_pooling, weir_aggregator)
T = TypeVar("T")

BY_THE_EDGE = {"ACCIDENT"}
"""Sent without a refusal: an accident is not one."""


def refusals() -> list[type[Refusal]]:
    """Every kind of refusal of the modules that are imported; by module and name."""
    found = {each for each in _below(Refusal) if each.__module__.startswith("weir_") and hasattr(each, "reason")}
    return sorted(found - {RecordedRefusal}, key=named)


def named(kind: type[Refusal]) -> str:
    """A kind of refusal as a reader would find it."""
    return f"{kind.__module__}.{kind.__name__}"


def example(kind: type[Refusal]) -> Refusal:
    """A refusal of a kind, made as the code would make it, with an argument for every parameter."""
    if issubclass(kind, (Missing, Taken, InUse)):
        named = kind.__name__.removesuffix("NotFound").removesuffix("Exists").removesuffix("InUse")
        domain = importlib.import_module(f"{kind.__module__.split('.')[0]}.domain")
        for module in pkgutil.iter_modules(getattr(domain, "__path__", ()), f"{domain.__name__}."):
            importlib.import_module(module.name)
        every = [each for each in _below(Configured) if each.__module__.startswith(domain.__name__)]
        things = [each for each in every if each.__name__ == named]
        key = dict.fromkeys(things[-1].identity, "x")  # a class with slots may still have a twin without them
        return kind(["channel web"], **key) if issubclass(kind, InUse) else kind(**key)
    positional, named_only = [], {}
    for name, parameter in inspect.signature(kind).parameters.items():
        assert parameter.kind is not inspect.Parameter.VAR_KEYWORD, f"{kind.__name__} takes anything: make it here"
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            named_only[name] = argument(name, parameter)
        else:
            positional.append(argument(name, parameter))
    return kind(*positional, **named_only)


def argument(name: str, parameter: inspect.Parameter) -> Any:
    """Something that a parameter of a refusal may be given."""
    values: dict[str, Any] = {
        "violations": [Violation("field", "Required.")],
        "shortages": [Shortage("draft.lines[0]", "SKU", "W1", 2, 1)],
        "excesses": [Excess("waiting.lines[0]", "", "SKU", 5, 4, 2)],
        "unfilled": [Unfilled(1, "SKU", 2, 1, "EMPTY", "1 of 2 'SKU' missing.")],
        "exceeded": [Exceeded("draft.lines[0]", "share", 5, 4, 2)],
        "homes": [("W1", "Europe")],
        "missing": ["a"],
        "unknown": ["b"],
    }
    typed: dict[Any, Any] = {"int": 7, int: 7, int | None: 7, "str": "x", str: "x", "float": 1.5, float: 1.5}
    typed["tuple[str, str]"] = ("x", "x")
    return values[name] if name in values else typed[parameter.annotation]


def _below(kind: type[T]) -> set[type[T]]:
    return {each for direct in kind.__subclasses__() for each in (direct, *_below(direct))}


def test_every_refusal_is_in_the_contract() -> None:
    """No service can refuse for a reason that a client cannot look up."""
    assert [named(each) for each in refusals() if each.reason not in protos.reasons()] == []


def test_every_reason_of_the_contract_is_given() -> None:
    """The contract names no reason that no service ever gives."""
    assert set(protos.reasons()) - {each.reason for each in refusals()} == BY_THE_EDGE


def test_the_comments_are_those_of_the_enum() -> None:
    """What is read from the file is what protobuf has: a value without a comment of the agreed form cannot hide."""
    assert {f"ERROR_REASON_{name}" for name in protos.reasons()} == set(ErrorReason.keys()) - {
        "ERROR_REASON_UNSPECIFIED"
    }


@pytest.mark.parametrize("kind", refusals(), ids=named)
def test_status_and_metadata_are_those_of_the_comment(kind: type[Refusal]) -> None:
    """A refusal is answered with the status, and carries the metadata, that the comment of its reason names."""
    stated, refusal = protos.reasons()[kind.reason], example(kind)
    assert refusal.kind.value == stated.status
    assert set(refusal.metadata) == stated.metadata


def test_refusals_are_defined_where_refusals_are() -> None:
    """Reasons are in the `errors` room of their context and nowhere else, so that the tests here see them all."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)
    assert [named(each) for each in refusals() if each.__module__.split(".")[1] != "errors"] == []


def test_one_reason_means_one_thing() -> None:
    """Where two contexts give the same reason, it has the same status and the same metadata."""
    meanings: dict[str, set[tuple[Kind, frozenset[str]]]] = {}
    for kind in refusals():
        meanings.setdefault(kind.reason, set()).add((kind.kind, frozenset(example(kind).metadata)))
    assert {reason: found for reason, found in meanings.items() if len(found) > 1} == {}


def test_an_accident_is_in_the_contract_too() -> None:
    """An accident leaves as INTERNAL with the incident number, as its comment says."""
    stated, ending = protos.reasons()["ACCIDENT"], status.accident("some incident")
    assert ending.code.name == stated.status
    assert stated.metadata == {"incident"}


@pytest.mark.parametrize("bullet", protos.bullets(), ids=lambda each: f"{each.place}-{each.reason}")
def test_rpc_comments_name_reasons_as_they_are(bullet: protos.Bullet) -> None:
    """Every error in the comment of an rpc is a reason of the catalogue, with its status."""
    assert protos.reasons()[bullet.reason].status == bullet.status


def test_a_wrong_comment_would_be_noticed() -> None:
    """The control: read from a comment are the status and every key after the word, and no other."""
    comment = "`ABORTED`. `This` one. Metadata of the first: `sku`, `on_hand`; `lines`, how many."
    assert protos.reason("X", comment) == protos.Reason("X", "ABORTED", frozenset({"sku", "on_hand", "lines"}))
    assert protos.reason("Y", "`ABORTED`. Nothing. No metadata.").metadata == frozenset()
    with pytest.raises(AssertionError):
        protos.reason("Z", "Nothing.")


def test_every_kind_is_a_status() -> None:
    """Each kind of refusal has a status code of its own, and neither UNKNOWN nor INTERNAL is one of them."""
    assert len({kind.value for kind in errors.Kind}) == len(errors.Kind)
    assert {kind.value for kind in errors.Kind} & {"UNKNOWN", "INTERNAL"} == set()
