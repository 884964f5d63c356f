"""Verbs of the secrets of connections, and of the keys that sync keeps them with."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from weir_cli.options import CheckOnly, RequestId, options_of

Name = Annotated[str, typer.Argument(metavar="CONNECTION", help="Its identifier.")]
KEY_SIZE = 32
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def set_secret(
    context: typer.Context,
    name: Name,
    secret: Annotated[str, typer.Argument(metavar="SECRET", help="Its name; docs/connectors.md has those of a kind.")],
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Where it stands. Default: the standard input.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away.")] = False,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Set a secret, which nobody is ever told again: from a file or the standard input, never from the line.

    A line break at its end is left out. At a terminal it is asked for, and not shown.
    """
    from weir_cli.session import perform
    from weir_cli.sync import connections

    value = "" if remove else _read(file, secret)
    perform(
        options_of(context),
        lambda session: connections.set_secret(session, name, secret, value, check=check),
        request_id=request_id,
    )


def _read(file: Path | None, name: str) -> str:
    """What a file holds, or what comes in; asked for where somebody sits at a terminal."""
    where = "the standard input" if file is None else str(file)
    try:
        if file is not None:
            value = file.read_text(encoding="utf-8")
        elif sys.stdin.isatty():
            value = str(typer.prompt(name, hide_input=True, err=True))
        else:
            value = sys.stdin.read()
    except OSError as error:
        raise typer.BadParameter(f"{where} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{where} is not UTF-8.") from None
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise typer.BadParameter(f"there is no secret in {where}; --remove takes one away.")
    return value


def key(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="KEY", help="Its identifier. Default: the day.", show_default=False)
    ] = None,
) -> None:
    """Print a new key, as a line of the file that WEIR_SYNC_SECRET_KEY_FILE names; the last line of it keeps secrets.

    weir connect key >> keys
    """
    made = name or datetime.now(UTC).date().isoformat()
    if not KEY_ID.fullmatch(made):
        raise typer.BadParameter(f"'{made}' is not of 1 to 64 letters, digits, dots, dashes and underscores.")
    secret = base64.b64encode(os.urandom(KEY_SIZE)).decode()
    told = json.dumps({"key": made, "secret": secret}) if options_of(context).json else f"{made} {secret}"
    sys.stdout.write(f"{told}\n")
