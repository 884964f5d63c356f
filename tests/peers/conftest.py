"""The foreign systems, each started once for all tests that ask for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.peers import erp as erp_kit
from tests.peers import shop as shop_kit
from tests.peers.erp import Erp
from tests.peers.shop import Shop


@pytest.fixture(scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The shop."""
    async with shop_kit.shop(folder(tmp_path_factory, "shop")) as running:
        yield running


@pytest.fixture(scope="session")
async def erp(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Erp]:
    """The ERP."""
    async with erp_kit.erp(folder(tmp_path_factory, "erp")) as running:
        yield running


def folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder for a system's files."""
    return factory.mktemp(name)
