"""Verbs that make and change rules."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from weir_cli.options import CheckOnly, Owner, RequestId, options_of

if TYPE_CHECKING:
    from weir.sync.v1.rule_pb2 import Rule


class Rounding(StrEnum):
    """What becomes of parts of units."""

    DOWN = "DOWN"
    UP = "UP"
    NEAREST = "NEAREST"


RuleName = Annotated[str, typer.Argument(metavar="RULE", help="Its identifier.")]
Stores = Annotated[
    list[str] | None, typer.Option("--store", metavar="CHANNEL", help="A store that it tells; several are possible.")
]
Skus = Annotated[
    list[str] | None,
    typer.Option("--sku", help="A product that it is for; several are possible, '' is every product."),
]
Warehouses = Annotated[
    list[str] | None,
    typer.Option("--warehouse", metavar="LOCATION", help="Where it counts; several are possible, '' is everywhere."),
]
Threshold = Annotated[int | None, typer.Option(min=0, max=10**9, help="Below it every store is told 0.")]
Rate = Annotated[
    int | None, typer.Option(min=0, max=1000, metavar="PERCENT", help="Of its share a store is told so much.")
]
Constant = Annotated[
    int | None, typer.Option(min=-(10**9), max=10**9, metavar="UNITS", help="And so many units more, or less.")
]
Rounded = Annotated[
    Rounding | None, typer.Option("--rounding", case_sensitive=False, help="What becomes of parts of units.")
]
First = Annotated[
    str | None,
    typer.Option("--first", metavar="CHANNEL=UNITS", help="Below so many units only this store is told; '' is none."),
]
Place = Annotated[
    int | None, typer.Option("--priority", min=1, max=10**6, help="Its place in the order. Default: the last.")
]
RuleTitle = Annotated[str | None, typer.Option("--name", help="Name for people.", show_default=False)]


def add_rule(
    context: typer.Context,
    name: RuleName,
    stores: Stores = None,
    skus: Skus = None,
    owner: Owner = "",
    warehouses: Warehouses = None,
    threshold: Threshold = None,
    rate: Rate = None,
    constant: Constant = None,
    rounding: Rounded = None,
    first: First = None,
    priority: Place = None,
    title: RuleTitle = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Add a rule; without --sku it is for every product.

    weir rule add keep-some --store webshop-de --threshold 5 --rate 90
    """
    from weir.sync.v1 import rule_pb2
    from weir_cli import ruling
    from weir_cli.session import perform

    made = rule_pb2.Rule(rule=name)
    _say(made, stores, skus, owner, warehouses, threshold, rate, constant, rounding, first, priority, title)
    perform(
        options_of(context),
        lambda session: ruling.add(session, ruling.KINDS["rule"], made, check=check),
        request_id=request_id,
    )


def change_rule(
    context: typer.Context,
    name: RuleName,
    stores: Stores = None,
    skus: Skus = None,
    owner: Owner = "",
    warehouses: Warehouses = None,
    threshold: Threshold = None,
    rate: Rate = None,
    constant: Constant = None,
    rounding: Rounded = None,
    first: First = None,
    priority: Place = None,
    title: RuleTitle = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Change a rule; what is not named stays as it is. Orders that were accepted keep the rule as it was."""
    from weir.sync.v1 import rule_pb2
    from weir_cli import ruling
    from weir_cli.session import perform

    def change(made: Rule) -> None:
        _say(made, stores, skus, owner, warehouses, threshold, rate, constant, rounding, first, priority, title)

    change(rule_pb2.Rule())  # a fault of the line is told before anybody is asked
    perform(
        options_of(context),
        lambda session: ruling.change(session, ruling.KINDS["rule"], name, change, check=check),
        request_id=request_id,
    )


def _say(
    made: Rule,
    stores: Sequence[str] | None,
    skus: Sequence[str] | None,
    owner: str,
    warehouses: Sequence[str] | None,
    threshold: int | None,
    rate: int | None,
    constant: int | None,
    rounding: Rounding | None,
    first: str | None,
    priority: int | None,
    title: str | None,
) -> None:
    from weir.common.v1 import stock_pb2
    from weir.sync.v1 import rule_pb2

    if stores is not None:
        made.stores[:] = stores
    if skus is not None:
        del made.products[:]
        made.products.extend(stock_pb2.Product(owner=owner, sku=sku) for sku in skus if sku)
    elif owner:
        raise typer.BadParameter("--owner says whose products --sku are: name them, too.")
    if warehouses is not None:
        made.warehouses[:] = [each for each in warehouses if each]
    for field, value in (
        ("threshold", threshold), ("rate_percent", rate), ("constant", constant), ("priority", priority),
        ("display_name", title),
    ):  # fmt: skip
        if value is not None:
            setattr(made, field, value)
    if rounding is not None:
        made.rounding = rule_pb2.Rounding.Value(f"ROUNDING_{rounding}")
    if first is not None:
        made.priority_store, made.priority_quantity = _first(first)


def _first(text: str) -> tuple[str, int]:
    store, _, units = text.rpartition("=")
    if not text:
        return "", 0
    if not store or not units.isascii() or not units.isdigit() or int(units) > 10**9:
        raise typer.BadParameter(f"'{text}' is not of the form CHANNEL=UNITS.")
    return store, int(units)
