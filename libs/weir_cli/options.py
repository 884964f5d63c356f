"""The options that every verb shares, and how they are read wherever they stand on the line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from weir_cli.services import SERVICES
from weir_cli.sheets import SECONDS_OF

OK, REFUSED, USAGE, UNAVAILABLE = 0, 1, 2, 3
"""Exit statuses: done; refused, or the books differ; the line cannot be read; no answer, so that it is not known
whether a change was made: repeat it with the same --request-id."""

_VALUED = (*(f"--{name}" for name in SERVICES), "--tenant", "--as", "--token-file", "--tls-ca-file", "--deadline")
_FLAGS = ("--json",)


@dataclass(frozen=True, slots=True)
class Options:
    """Whom to ask, as whom, and how to print the answer."""

    targets: dict[str, str]
    tenant: str | None = None
    user: str | None = None
    token_file: Path | None = None
    tls_ca_file: Path | None = None
    deadline_seconds: float = 10.0
    json: bool = False


def default_options() -> Options:
    """What holds where nothing is said: the services on this machine, and what the environment names."""
    targets = {name: os.environ.get(service.variable) or service.target for name, service in SERVICES.items()}
    return Options(targets)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The same line with the shared options before the verb, where typer looks for them; `--` ends the search."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*front, *rest, word, *waiting]
        if word in _FLAGS or word.partition("=")[0] in _VALUED:
            front.append(word)
            if word in _VALUED and waiting:
                front.append(waiting.pop(0))
        else:
            rest.append(word)
    return [*front, *rest]


def options_of(context: typer.Context) -> Options:
    """The shared options of the line a verb was called by."""
    found = context.find_object(Options)
    assert found is not None
    return found


def span(text: str) -> timedelta:
    """A length of time such as `90s`, `15m`, `2h`, `7d`."""
    if match := re.fullmatch(r"(\d{1,9})\s*([smhd])", text.strip().lower()):
        return timedelta(seconds=int(match[1]) * SECONDS_OF[match[2]])
    raise typer.BadParameter("give a whole number and a unit: 90s, 15m, 2h, 7d.")


def read_moment(text: str) -> datetime:
    """A moment as ISO 8601; without an offset it is meant in this machine's time zone. Raises ValueError."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"'{text}' is no moment such as 2026-11-22T10:00:00+01:00.") from None


def moment(text: str) -> datetime:
    """A moment on the command line, as `read_moment` reads it."""
    try:
        return read_moment(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


@dataclass(frozen=True, slots=True)
class Point:
    """Where in history to read: after a revision, by its number, or at a moment.

    With `occurred` it is the moment at which goods lay so, else that at which the ledger said so.
    """

    at: int | datetime
    occurred: bool = False


def point(text: str) -> Point:
    """A whole number as a revision, anything else as a moment."""
    return Point(int(text) if text.isascii() and text.isdigit() and len(text) < 19 else moment(text))


def month(text: str) -> date:
    """A month such as `2026-11`, as its first day."""
    if re.fullmatch(r"\d{4}-\d{2}", text, re.ASCII):
        with suppress(ValueError):
            return date.fromisoformat(f"{text}-01")
    raise typer.BadParameter("give a month such as 2026-11.")


def day(text: str) -> str:
    """A day such as `2027-01-31`; `never` is none."""
    if text == "never":
        return ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise typer.BadParameter("give a day such as 2027-01-31, or never.") from None


class View(StrEnum):
    """Whose custody a person wants to see or to take from."""

    MINE = "mine"
    SHARED = "shared"
    BOTH = "both"


RequestId = Annotated[
    str | None,
    typer.Option(
        "--request-id",
        help="Name of this attempt: repeating it changes nothing. Default: a new one, printed.",
        show_default=False,
    ),
]
CheckOnly = Annotated[bool, typer.Option("--check", help="Only say what would happen; change nothing.")]
Owner = Annotated[
    str, typer.Option(help="Customer whose goods these are. Default: the tenant's own.", show_default=False)
]
Owners = Annotated[str | None, typer.Option("--owner", help="Only goods of this customer; '' is the tenant.")]
Locations = Annotated[
    list[str] | None, typer.Option("--location", help="Only this location; may be given several times.")
]
Lot = Annotated[str, typer.Option(help="Batch. Default: not tracked by lot.", show_default=False)]
Uom = Annotated[str, typer.Option(help="Unit of measure, such as CARTON.")]
Custodian = Annotated[
    str, typer.Option(help="Person who answers for the goods. Default: the location itself.", show_default=False)
]
SellerView = Annotated[
    View | None,
    typer.Option(
        "--view",
        case_sensitive=False,
        help="Where a person sells through the channel: his own custody, what is shared with him, or both.",
    ),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Wait until all that was written before this call counts.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many rows.")]
