"""Policies of the first version, once they are brought forward: what was said is told as it was, and can be said
anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

import weir_partitioning
from tests.kit.partitioning import EQUAL, partitioning
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir.partitioning.v1 import policy_pb2 as pb
from weir_chassis.migrations import migrate

SCHEMA = "weir_partitioning"
MIGRATION = Path(weir_partitioning.__file__).parent / "migrations" / "versions" / "0001_policies.py"
PART = '{"channel_group": "web", "rank": 1, "weight": 3, "percent": 0, "minimum": 0, "quantity": 0, "cap": 9}'
WRITTEN = f"""
INSERT INTO tenants VALUES ('acme', 1);
INSERT INTO policies (tenant, policy, display_name, priority, strategy, mode, products, parts, buffer_units,
                      buffer_percent, disabled, changed)
VALUES ('acme', 'old', 'Old', 5, 'WEIGHTED', 'CONTINUOUS', '[["", "TV"]]', '[{PART}]', 0, 0, false, 1);
INSERT INTO changes (tenant, revision, line, body, deleted)
VALUES ('acme', 1, 0, '{{"object": "Policy", "etag": "1", "priority": 5, "policy": "old", "strategy": "WEIGHTED",
        "display_name": "Old", "mode": "CONTINUOUS", "products": [["", "TV"]], "parts": [{PART}], "buffer_units": 0,
        "buffer_percent": 0, "disabled": false}}', false);
"""
SAID = pb.Policy(
    policy="old",
    display_name="Old",
    priority=5,
    strategy=pb.STRATEGY_WEIGHTED,
    mode=pb.POLICY_MODE_CONTINUOUS,
    products=[{"sku": "TV"}],  # type: ignore[list-item]
    parts=[{"channel_group": "web", "rank": 1, "weight": 3, "cap": 9}],  # type: ignore[list-item]
    etag="1",
)


@pytest.fixture
def database(postgres: PostgresForTests, tmp_path: Path) -> Iterator[FreshDatabase]:
    """A database as the first version left it."""
    first = tmp_path / "versions"
    first.mkdir()
    shutil.copy(MIGRATION, first)
    with postgres.fresh(SCHEMA, versions=first) as made:
        yield made


async def test_policies_of_the_first_version_go_on(database: FreshDatabase) -> None:
    """A policy that was written before there were epochs is listed, exported and watched as it was said, and can be
    made to divide at an instant."""
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("SET search_path = weir_partitioning")
    await owner.execute(WRITTEN)
    await owner.close()
    await migrate(database.owner_url, SCHEMA, password=database.server.password(SCHEMA))
    async with partitioning(database) as service:
        caller = service.caller("acme")
        assert list((await caller.do("ListPolicies")).policies) == [SAID]
        assert (await caller.export())[1] == {"old": SAID}
        watch = caller.stream("WatchPartitioning")
        assert [each.policy for each in (await watch.read()).changes] == [SAID]
        watch.cancel()
        balanced = {"policy": "old", "strategy": EQUAL, "mode": pb.POLICY_MODE_BALANCED, "etag": "1"}
        made = (await caller.do("UpdatePolicy", policy=balanced)).policy
        assert (made.threshold_percent, made.hysteresis_units, made.etag) == (20, 1, "2")
        assert list((await caller.do("ListEpochs")).epochs) == []
