"""Where answers for people are written."""

from __future__ import annotations

import os

from rich.console import Console

WIDTH = 120
"""Columns of a file or a pipe, which say nothing about theirs; COLUMNS does, where it is set."""


def paper(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """The terminal in its own width, or whatever stands in its place in ours."""
    console = Console(stderr=stderr, soft_wrap=soft_wrap, highlight=False)
    if console.is_terminal or os.environ.get("COLUMNS"):
        return console
    return Console(stderr=stderr, soft_wrap=soft_wrap, highlight=False, width=WIDTH)
