"""Lines for `weir` that pages and helps show can be typed as they stand, and every verb of sync is shown on a page."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_group

from tests.contract.tree import ROOT, tracked
from weir_cli.main import app
from weir_cli.options import hoisted

COMMAND = get_group(app)
PAGES = [path for path in tracked("*.md", "docs/*.md") if path.is_file()]
SHOWN = ("connect", "schedule", "listings", "sync", "store-order", "channel-view", "warehouse-view")
"""Verbs of which every word is on a page."""


def leaves(command: Any = COMMAND, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb with its command, groups by way of what is in them."""
    if isinstance(command, TyperGroup):
        for word, each in command.commands.items():
            yield from leaves(each, f"{name} {word}".strip())
    else:
        yield name, command


def lines(text: str) -> list[str]:
    """What a text has somebody type, without what a shell makes of it."""
    said = re.findall(r"^ {4}(?:\w+=\S+ )*(weir .*)$", text, re.MULTILINE)
    parts = [part for line in said for part in re.split(r"&&|\|", re.sub(r"\s#.*", "", line))]
    return [re.sub(r"\s*[<>]{1,2}\s*\S+\s*$", "", part).strip() for part in parts if part.strip().startswith("weir ")]


def fault(line: str) -> str:
    """Why a line cannot be typed; empty where it can."""
    typed = re.sub(r"\$\(date -Is\)", "2026-11-22T10:00:00+01:00", line)
    words = [word for word in hoisted(shlex.split(typed)[1:]) if word not in ("...", "…")]
    command: Any = COMMAND
    context = None
    try:
        while True:
            context = command.make_context("weir", words, parent=context)
            if not isinstance(command, TyperGroup):
                return ""
            words = [*context._protected_args, *context.args]
            if not words:
                return ""
            _, command, words = command.resolve_command(context, words)
    except Exception as refused:
        return f"{line}: {getattr(refused, 'message', refused)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_lines_of_pages_can_be_typed(page: Path) -> None:
    """Verbs, options and arguments are as the command has them."""
    assert [told for line in lines(page.read_text()) if (told := fault(line))] == []


def test_lines_of_helps_can_be_typed() -> None:
    """The example in the help of a verb is one."""
    examples = [
        line for _, command in leaves() for line in re.findall(r"^\s*(weir .*)$", command.help or "", re.MULTILINE)
    ]
    assert len(examples) > 10
    assert [told for line in examples if (told := fault(re.sub(r"\s*[<>]{1,2}\s*\S+$", "", line)))] == []


@pytest.mark.parametrize(
    "line",
    [
        "weir connect",
        "weir conect list",
        "weir sync run --ful",
        "weir schedule set a b --every soon",
        "weir order show",
    ],
)
def test_a_line_that_cannot_be_typed_would_be_noticed(line: str) -> None:
    """The control: a verb that needs another, one that there is not, an option, a value, and too few words."""
    assert fault(line).startswith(f"{line}: ")


def test_every_verb_of_sync_is_on_a_page() -> None:
    """Whoever reads the pages has seen all that sync can be asked."""
    said = {" ".join(line.split()[1:]) for page in PAGES for line in lines(page.read_text())}
    verbs = [name for name, _ in leaves() if name.split()[0] in SHOWN]
    assert [verb for verb in verbs if not any(f"{line} ".startswith(f"{verb} ") for line in said)] == []


def test_every_verb_says_what_it_does() -> None:
    """In its help, and so does each of its words and options."""
    named = [name for name, command in leaves() if not re.match(r"[A-Z].*\S", command.help or "")]
    assert named == []
    silent = [
        f"{name} {each.name}"
        for name, command in leaves()
        for each in command.params
        if not (each.name == "help" or getattr(each, "hidden", False) or getattr(each, "help", None))
    ]
    assert silent == []
