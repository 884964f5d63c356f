"""docs/connectors.md says what connectors read and what adapters are tried on, to the word."""

from __future__ import annotations

import re

import pytest

from tests.contract.tree import ROOT
from weir_cli.checking import stores, warehouses
from weir_sync.connectors.csv_folder import csv_folders
from weir_sync.connectors.kinds import SORTS
from weir_sync.connectors.settings import rows
from weir_sync.connectors.signatures import signature
from weir_sync.domain.connections import ConnectorKind, Role

PAGE = (ROOT / "docs" / "connectors.md").read_text()


KINDS = {**SORTS, ConnectorKind.CSV_FOLDER: csv_folders(ROOT)}
"""All there are, where an installation reads folders."""


def table(kind: ConnectorKind) -> str:
    """The settings and secrets of a kind, as the page has them."""
    sort = KINDS[kind]
    roles = " and ".join(role.lower() + "s" for role in Role if sort.has(role))
    lines = [f"### `{kind}`: {roles}", "", "| name | | what it is |", "|---|---|---|"]
    for row in rows(sort.settings):
        words = [word for word, holds in (("required", row.required), ("secret", row.secret)) if holds]
        lines.append(f"| `{row.name}` | {', '.join(words)} | {row.description} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_page_lists_what_a_connector_reads(kind: ConnectorKind) -> None:
    """Every setting and secret of every kind is in its table, and no other."""
    assert f"\n{table(kind)}\n" in PAGE + "\n", f"docs/connectors.md has no such part:\n\n{table(kind)}"


def test_the_page_lists_every_law() -> None:
    """What `weir connector check` tries is on the page, in its words."""
    laws = [(law.name, law.sentence) for law in stores.LAWS] + [(law.name, law.sentence) for law in warehouses.LAWS]
    for name, sentence in laws:
        assert f"| {name} | {sentence} |\n" in PAGE


def test_the_signature_on_the_page_is_one() -> None:
    """Who writes a store by the page can try their signature on what it says."""
    key, timestamp = re.findall(r"key\n`(.+)` and the timestamp `(\d+)`", PAGE)[0]
    (body,) = re.findall(r'^    (\{"ask".+)$', PAGE, re.MULTILINE)
    (told,) = re.findall(r"^    (v1=.+)$", PAGE, re.MULTILINE)
    assert signature(key, timestamp, body.encode()) == told
