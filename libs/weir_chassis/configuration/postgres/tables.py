"""Where each kind of object is kept, given as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_origin

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.types import TypeEngine

from weir_chassis.configuration.objects import Configured, Key


def column(name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any]) -> Column[Any]:
    """A column of another type than text."""
    return Column(name, kind)


def nested(name: str) -> Column[Any]:
    """A column for what has parts: a field of tuples or of further values, kept as JSON; None is NULL."""
    return Column(name, postgresql.JSONB(none_as_null=True))


@dataclass(frozen=True)
class Children:
    """Rows of their own, in table `name`, for a `field` of an object that holds several values.

    A row names its object by the columns `parent`, in the order of the object's identifier, and has `columns`, by which
    the values are in order; a value of one column is that value, one of several is a tuple. `asked` is the name under
    which `Where` asks for objects that hold a value, by its first columns. Rows go when their object goes.
    """

    field: str
    name: str
    parent: tuple[str, ...]
    columns: tuple[Column[Any], ...]
    asked: str


class Kept:
    """A kind of object, and the table that it is kept in."""

    def __init__(
        self, kind: type[Configured], name: str, *columns: str | Column[Any], children: Children | None = None
    ) -> None:
        """Keep `kind` in table `name`, beside `tenant` and `changed` in `columns`, each a field of the objects under
        the same name; one that is given by its name alone is text.
        """
        texts = [Column(each, Text) if isinstance(each, str) else each for each in columns]
        self.kind = kind
        self.fields = [each.name for each in texts]
        self.table = Table(name, MetaData(), Column("tenant", Text), *texts, Column("changed", BigInteger))
        self.children = children
        self.rows = _rows(children) if children is not None else None

    @property
    def identity(self) -> list[ColumnElement[Any]]:
        """The columns of the identifier."""
        return [self.table.c[name] for name in self.kind.identity]

    @cached_property
    def all(self) -> Select[Any]:
        """All objects of a tenant, given as `tenant`, a field a column."""
        columns: list[ColumnElement[Any]] = [self.table.c[name] for name in self.fields]
        if self.children is not None:
            columns.append(self._held(self.children).label(self.children.field))
        etag = cast(self.table.c.changed, Text).label("etag")
        return select(*columns, etag).where(self.table.c.tenant == bindparam("tenant"))

    @cached_property
    def one(self) -> Select[Any]:
        """The object of the identifier whose parts are given as `key_0`, `key_1` and so on."""
        return self.all.where(*(mine == bindparam(f"key_{place}") for place, mine in enumerate(self.identity)))

    def bears(self, key: Key) -> list[ColumnElement[bool]]:
        """Whether an object has the identifier."""
        return [mine == part for mine, part in zip(self.identity, key, strict=True)]

    def has(self, name: str, value: Any) -> ColumnElement[bool]:
        """Whether an object has what `Where` asks for under this name."""
        if self.children is None or name != self.children.asked:
            return _is(self.table.c[name], value)
        values = value if isinstance(value, tuple) else (value,)
        assert self.rows is not None
        held = [_is(self.rows.c[each.name], part) for each, part in zip(self.children.columns, values, strict=False)]
        return exists().where(*self._of(self.children), *held)

    def values(self, each: Configured, tenant: str) -> dict[str, Any]:
        """The object as a row."""
        plain = msgspec.to_builtins(each)
        instants = {name: getattr(each, name) for name in self.fields if isinstance(self.table.c[name].type, DateTime)}
        plain |= instants  # the others are as JSON has them
        return {**{name: plain[name] for name in self.fields}, "tenant": tenant, "changed": int(each.etag)}

    def child_key(self, each: Configured, tenant: str) -> dict[str, Any]:
        """What all rows of the object's children have."""
        assert self.children is not None
        return {"tenant": tenant, **dict(zip(self.children.parent, each.key, strict=True))}

    def child_rows(self, each: Configured, tenant: str) -> list[dict[str, Any]]:
        """The object's children as rows."""
        assert self.children is not None
        names = [part.name for part in self.children.columns]
        values = [value if isinstance(value, tuple) else (value,) for value in getattr(each, self.children.field)]
        key = self.child_key(each, tenant)
        return [{**key, **dict(zip(names, value, strict=True))} for value in values]

    def _held(self, children: Children) -> ColumnElement[Any]:
        """The values that an object holds, as one column of JSON."""
        assert self.rows is not None
        columns = [self.rows.c[each.name] for each in children.columns]
        value = columns[0] if len(columns) == 1 else func.json_build_array(*columns)
        held = select(func.json_agg(aggregate_order_by(value, *columns), type_=postgresql.JSON)).where(
            *self._of(children)
        )
        return func.coalesce(held.correlate(self.table).scalar_subquery(), literal_column("'[]'::json"))

    def _of(self, children: Children) -> list[ColumnElement[bool]]:
        """Whether a row is of an object."""
        assert self.rows is not None
        parent = [self.rows.c[name] for name in children.parent]
        same = [theirs == mine for theirs, mine in zip(parent, self.identity, strict=True)]
        return [self.rows.c.tenant == self.table.c.tenant, *same]


class Tables:
    """Every kind that a service keeps, and how an object is written down as a whole."""

    def __init__(self, *kept: Kept, answers: Sequence[type[Configured]] = ()) -> None:
        """Keep these kinds; `answers` are what decisions answer that is never kept."""
        self._kept: Mapping[type[Configured], Kept] = {each.kind: each for each in kept}
        self._named = {_name(kind): kind for kind in (*self._kept, *answers)}

    def __getitem__(self, kind: type[Configured]) -> Kept:
        """Where a kind is kept."""
        return self._kept[kind]

    def stored(self, each: Configured) -> dict[str, Any]:
        """The object in plain JSON values, with the name of its kind."""
        assert type(each).__name__ in self._named
        return {"object": type(each).__name__, **msgspec.to_builtins(each)}

    def restored(self, stored: Any) -> Any:
        """The object that `stored` put down."""
        return msgspec.convert(stored, self._named[stored["object"]])


def _is(mine: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """Whether a column has the value, or of a set any one."""
    if isinstance(value, frozenset):
        value = func.any(cast(literal(sorted(value), postgresql.ARRAY(Text)), postgresql.ARRAY(Text)))
    equal: ColumnElement[bool] = mine == value
    return equal


def _rows(children: Children) -> Table:
    keys = [Column(name, Text) for name in ("tenant", *children.parent)]
    return Table(children.name, MetaData(), *keys, *children.columns)


def _name(kind: type[Configured]) -> str:
    return (get_origin(kind) or kind).__name__
