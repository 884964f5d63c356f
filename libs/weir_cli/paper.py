"""Where answers for people are written."""

from __future__ import annotations

import os

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

WIDTH = 120
"""Columns of a file or a pipe, which say nothing about theirs; COLUMNS does, where it is set."""


def paper(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """The terminal in its own width, or whatever stands in its place in ours."""
    console = Console(stderr=stderr, soft_wrap=soft_wrap, highlight=False)
    if console.is_terminal or os.environ.get("COLUMNS"):
        return console
    return Console(stderr=stderr, soft_wrap=soft_wrap, highlight=False, width=WIDTH)


def bars(*, quiet: bool) -> Progress:
    """How far something long has come: bars that are gone when it ends; none where nobody looks."""
    console = paper(stderr=True)
    return Progress(
        TextColumn("  {task.description:8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console,
        disable=quiet or not console.is_terminal, transient=True,
    )  # fmt: skip
