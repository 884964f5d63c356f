"""What the README tells a newcomer to do can be done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_group

from tests.contract.tree import ROOT, tracked
from weir_cli.main import app

LINES_MAX = 200
COMMAND = get_group(app)
PAGES = [path for path in tracked("*.md", "docs/*.md") if path.is_file()]


def targets() -> set[str]:
    """The verbs of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """The places within a page that a link can lead to."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    """Where a page leads to, but for addresses on the web and examples in blocks of code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link)]


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = page if not name else (page.parent / name)
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            found.append(link)
    return found


def test_the_readme_is_short() -> None:
    """The README is there, and can be read at one sitting."""
    lines = (ROOT / "README.md").read_text().splitlines()
    assert 0 < len(lines) <= LINES_MAX


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_exist(page: Path) -> None:
    """Every `make` verb that a page names is one of the Makefile."""
    named = re.findall(r"(?:^|`|\$ )make ([a-z-]+)", page.read_text(), re.MULTILINE)
    assert set(named) <= targets()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every link of a page within the tree leads to a file, and to a title in it where it names one."""
    assert broken(page) == []


def test_a_broken_link_would_be_noticed(tmp_path: Path) -> None:
    """The control: of a page with two good links and two bad ones the bad ones are found."""
    page = tmp_path / "page.md"
    page.write_text("# A title: here\n[x](#a-title-here) [y](page.md) [z](nowhere.md) [u](#nothing) [w](https://x.y)\n")
    assert broken(page) == ["nowhere.md", "#nothing"]


def verbs(page: Path) -> set[str]:
    """What a page has `weir` do: verb and, where the verb has some, the word after it."""
    said = re.findall(r"(?:^ {4}|`|&& )weir ((?:--as \w+ )?[a-z][^`\n#&]*)", page.read_text(), re.MULTILINE)
    return {" ".join(re.sub(r"^--as \w+ ", "", each).split()[:2]) for each in said}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_verbs_of_the_command_exist(page: Path) -> None:
    """Every line for `weir` that a page names can be typed."""
    for said in sorted(verbs(page)):
        verb, _, word = said.partition(" ")
        found = COMMAND.commands.get(verb)
        assert found is not None, said
        if isinstance(found, TyperGroup) and not found.invoke_without_command and word:
            assert word in found.commands, said
