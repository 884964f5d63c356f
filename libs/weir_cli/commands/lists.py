"""Lists that can be watched, as verbs show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from weir_cli.options import options_of

Watch = Annotated[bool, typer.Option("--watch", help="Then print every change, until Ctrl-C; leaves nothing out.")]


def show(
    context: typer.Context,
    several: Callable[..., Any],
    followed: Callable[..., Any],
    asked: Any,
    *,
    limit: int,
    watch: bool,
    count: int | None,
) -> NoReturn:
    """Show what is `asked` for, or with `watch` every change of it as well; `count` goes with that."""
    from weir_cli.session import perform, stream

    if watch:
        stream(options_of(context), lambda session: followed(session, asked, limit=limit, count=count))
    if count is not None:
        raise typer.BadParameter("--count goes with --watch.")
    perform(options_of(context), lambda session: several(session, asked, limit=limit))
