"""Settings and secrets of a connector: a frozen dataclass that says of each field what it is and how its text is read.

    @dataclass(frozen=True)
    class ShopSettings:
        address: WebAddress = setting("Where the shop answers, as in `https://shop.example`.", web_address)
        batch_max: int = setting("Levels in one request.", integer(1, 250), 100)
        token: str = secret("Token of the admin API.")

The name of a field is that of the setting or secret. A reader takes the text and raises ValueError with a sentence
that does not repeat it, as those of `weir_chassis.settings` and `weir_sync.urls` do; an address is checked by the
guard, too. A class may have a method `faults() -> Iterator[Fault]`, which judges its fields together once there is a
secret to each. What is given as a text of no characters is not given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from weir_chassis.settings import text
from weir_sync.urls import Guard

S = TypeVar("S")

Read = Callable[[str], Any]


class Fault(NamedTuple):
    """A setting or secret that does not do, and why, in a sentence without what was given."""

    name: str
    description: str


class Row(NamedTuple):
    """A setting or secret, as documentation lists it."""

    name: str
    description: str
    required: bool
    secret: bool


class _Given(NamedTuple):
    description: str
    read: Read
    secret: bool


def setting(description: str, read: Read = text, default: Any = dataclasses.MISSING) -> Any:
    """A field that is read from the setting of its name; required where no `default` is given."""
    return dataclasses.field(default=default, metadata={"given": _Given(description, read, False)}, kw_only=True)


def secret(description: str, read: Read = text, default: Any = dataclasses.MISSING) -> Any:
    """A field that is read from the secret of its name; required where no `default` is given."""
    given = _Given(description, read, True)
    return dataclasses.field(default=default, metadata={"given": given}, kw_only=True, repr=False)


def rows(settings: type[Any]) -> list[Row]:
    """Every setting and secret that `settings` reads, in the order of its fields."""
    return [
        Row(each.name, _given(each).description, _required(each), _given(each).secret)
        for each in dataclasses.fields(settings)
    ]


def read(
    settings: type[S], given: Mapping[str, str], secrets: Mapping[str, str], guard: Guard
) -> tuple[S | None, list[Fault]]:
    """The settings as they are given, or every fault there is."""
    reading = _Reading(guard)
    reading.settings(settings, given)
    reading.secrets(settings, secrets)
    reading.missing(settings, secrets, secret=True)
    if reading.faults:
        return None, reading.faults
    made = settings(**reading.values)
    judge = getattr(made, "faults", None)
    together = list(judge()) if judge is not None else []
    return (None, together) if together else (made, [])


def setting_faults(settings: type[Any], given: Mapping[str, str], guard: Guard) -> list[Fault]:
    """What is wrong with settings whose secrets are not looked at."""
    reading = _Reading(guard)
    reading.settings(settings, given)
    return reading.faults


def secret_faults(settings: type[Any], secrets: Mapping[str, str], guard: Guard) -> list[Fault]:
    """What is wrong with some secrets, of which others may be set already."""
    reading = _Reading(guard)
    reading.secrets(settings, secrets)
    return reading.faults


class _Reading:
    """Values as far as they could be read, and what is wrong with the others."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.values: dict[str, Any] = {}
        self.faults: list[Fault] = []

    def settings(self, settings: type[Any], given: Mapping[str, str]) -> None:
        self._read(settings, given, secret=False)
        self.missing(settings, given, secret=False)
        secrets = {each.name for each in _fields(settings, secret=True)}
        for name in self._unknown(settings, given, secret=False):
            self.faults.append(Fault(name, "A secret: set it as one." if name in secrets else "No such setting."))

    def secrets(self, settings: type[Any], secrets: Mapping[str, str]) -> None:
        self._read(settings, secrets, secret=True)
        self.faults += [Fault(name, "No such secret.") for name in self._unknown(settings, secrets, secret=True)]

    def missing(self, settings: type[Any], given: Mapping[str, str], *, secret: bool) -> None:
        for each in _fields(settings, secret=secret):
            if _required(each) and not given.get(each.name):
                self.faults.append(Fault(each.name, f"Required. {_given(each).description}"))

    def _read(self, settings: type[Any], given: Mapping[str, str], *, secret: bool) -> None:
        for each in _fields(settings, secret=secret):
            if not given.get(each.name):
                continue
            try:
                value = _given(each).read(given[each.name])
                self._guard.check(value)
            except ValueError as fault:
                self.faults.append(Fault(each.name, str(fault)))
            else:
                self.values[each.name] = value

    def _unknown(self, settings: type[Any], given: Mapping[str, str], *, secret: bool) -> list[str]:
        return sorted(given.keys() - {each.name for each in _fields(settings, secret=secret)})


def _fields(settings: type[Any], *, secret: bool) -> list[dataclasses.Field[Any]]:
    return [each for each in dataclasses.fields(settings) if _given(each).secret is secret]


def _given(field: dataclasses.Field[Any]) -> _Given:
    given: _Given = field.metadata["given"]
    return given


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING
