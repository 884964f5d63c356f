"""Declare settings as fields of dataclasses, load them from an environment, and describe them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

Parse = Callable[[str], Any]
"""Makes a value of a variable's text; raises ValueError with a sentence that does not repeat the text."""

_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one variable."""

    name: str
    description: str


class SettingsFaults(Exception):
    """The environment cannot be used; `faults` holds everything that is wrong with it."""

    def __init__(self, faults: list[Fault]) -> None:
        """Tell all the faults in one text, a line each."""
        super().__init__("\n".join(f"{fault.name}: {fault.description}" for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Row:
    """One variable as `--describe` shows it; `default` is the text to show, "required" where there is none."""

    name: str
    default: str
    description: str
    secret: bool


@dataclass(frozen=True, slots=True)
class _Setting:
    name: str
    description: str
    parse: Parse
    secret: bool


@dataclass(frozen=True, slots=True)
class _Group:
    cls: type[Any]
    defaults: Mapping[str, Any]


def setting(name: str, description: str, parse: Parse, default: Any = _REQUIRED, *, secret: bool = False) -> Any:
    """A field read from variable `name`; required where no `default` is given."""
    metadata = {"setting": _Setting(name, description, parse, secret)}
    if default is _REQUIRED:
        return dataclasses.field(metadata=metadata, repr=not secret, kw_only=True)
    return dataclasses.field(default=default, metadata=metadata, repr=not secret, kw_only=True)


def group(cls: type[T], **defaults: Any) -> T:
    """A field that holds the settings of `cls`; `defaults` replace those of its fields by name."""
    unknown = defaults.keys() - {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    assert not unknown, unknown
    made: T = dataclasses.field(
        default_factory=lambda: cls(**defaults), metadata={"group": _Group(cls, defaults)}, kw_only=True
    )
    return made


def load(cls: type[T], environ: Mapping[str, str]) -> T:
    """The settings of `cls` as `environ` gives them; raises SettingsFaults with every fault there is.

    A group may have a method `faults() -> Iterator[Fault]` that judges its fields together; it is asked once each of
    them could be read.
    """
    faults: list[Fault] = []
    loaded = _load(cls, environ, {}, faults)
    if faults:
        raise SettingsFaults(faults)
    return loaded


def describe(cls: type[Any]) -> list[Row]:
    """Every variable that `cls` reads, in the order of its fields."""
    return list(_rows(cls, {}))


def _load(cls: type[T], environ: Mapping[str, str], defaults: Mapping[str, Any], faults: list[Fault]) -> T:
    values: dict[str, Any] = {}
    before = len(faults)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if inner := field.metadata.get("group"):
            values[field.name] = _load(inner.cls, environ, inner.defaults, faults)
            continue
        default = defaults.get(field.name, field.default)
        try:
            values[field.name] = _value(field.metadata["setting"], environ, default)
        except ValueError as fault:
            faults.append(Fault(field.metadata["setting"].name, str(fault)))
    if len(faults) > before:
        return None  # type: ignore[return-value]  # never seen: load raises
    loaded = cls(**values)
    judge = getattr(loaded, "faults", None)
    if judge is not None:
        faults.extend(judge())
    return loaded


def _value(asked: _Setting, environ: Mapping[str, str], default: Any) -> Any:
    text = environ.get(asked.name, "")
    file = environ.get(asked.name + "_FILE", "") if asked.secret else ""
    if text and file:
        raise ValueError(f"Set this or {asked.name}_FILE, not both.")
    if file:
        try:
            text = Path(file).read_text().strip()
        except OSError as error:
            raise ValueError(f"The file that {asked.name}_FILE names cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise ValueError(f"The file that {asked.name}_FILE names is not text.") from None
    if text:
        return asked.parse(text)
    if default is _REQUIRED or default is dataclasses.MISSING:
        raise ValueError(f"Required. {asked.description}")
    return default


def _rows(cls: type[Any], defaults: Mapping[str, Any]) -> Iterator[Row]:
    for field in dataclasses.fields(cls):
        if inner := field.metadata.get("group"):
            yield from _rows(inner.cls, inner.defaults)
            continue
        asked: _Setting = field.metadata["setting"]
        default = defaults.get(field.name, field.default)
        yield Row(asked.name, _shown(default), asked.description, asked.secret)


def _shown(default: Any) -> str:
    if default is dataclasses.MISSING:
        return "required"
    if default is None:
        return ""
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default)
