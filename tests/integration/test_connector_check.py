"""`weir connector check`: the reference adapters pass it in any weather, and whatever breaks the contract is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.kit import reference_warehouse
from tests.kit.command import Weir
from tests.kit.reference_shop import Shop
from tests.kit.reference_store import ABILITIES, ReferenceStore, Sabotage, Weather
from tests.kit.reference_warehouse import ReferenceWarehouse
from weir_cli.checking import report, stores, warehouses
from weir_cli.options import OK, REFUSED, UNAVAILABLE, Options, default_options
from weir_cli.session import Answer

TOKEN = "a-token"

FOUND_BY = {
    Sabotage.BOUNDLESS: "described",
    Sabotage.RELATIVE: "absolute",
    Sabotage.FORGETFUL: "outcomes",
    Sabotage.STUTTERING: "outcomes",
    Sabotage.PRETENDING: "unknown",
    Sabotage.LAST_WRITER: "compares",
    Sabotage.UNFENCED: "fenced",
    Sabotage.MISNUMBERED: "numbers",
    Sabotage.HOLLOW: "shown",
    Sabotage.STALE: "compares",
    Sabotage.NARROW: "batch",
    Sabotage.BRITTLE: "odd SKUs",
    Sabotage.LOSSY: "orders",
    Sabotage.ENDLESS: "orders",
    Sabotage.PARTIAL: "unknown",
    Sabotage.OPEN: "tokens",
}
FOUND_BY_WAREHOUSE = {
    reference_warehouse.Sabotage.TIMELESS: "whole",
    reference_warehouse.Sabotage.AHEAD: "timely",
    reference_warehouse.Sabotage.PARTIAL: "whole",
    reference_warehouse.Sabotage.STUTTERING: "whole",
    reference_warehouse.Sabotage.NEGATIVE: "whole",
    reference_warehouse.Sabotage.TRUSTING: "forgotten",
    reference_warehouse.Sabotage.AIMLESS: "resumed",
    reference_warehouse.Sabotage.MUTE: "whole",
    reference_warehouse.Sabotage.OPEN: "tokens",
}


def shop(**more: bool) -> Shop:
    """A shop that has sold something."""
    made = Shop.of({"A": 5, "B": 2}, **more)
    for _ in range(3):
        made.sell("A")
    return made


def warehouse(sabotage: reference_warehouse.Sabotage | None = None) -> ReferenceWarehouse:
    """A warehouse of three lines."""
    made = ReferenceWarehouse(token=TOKEN, sabotage=sabotage)
    for sku in "ABC":
        made.put(sku, "north", 3)
    return made


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """As the line has it, with the token that adapters want."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    return replace(default_options(), token_file=file, deadline_seconds=60.0)


async def checked(
    options: Options, store: ReferenceStore, settle_seconds: float = 60.0
) -> tuple[Answer, dict[str, str]]:
    """What the check said, and what became of each law."""
    async with store.serving():
        answer = await report.check_store(options, store.target, ["A", "B"], settle_seconds)
    return answer, outcomes(answer)


def outcomes(answer: Answer) -> dict[str, str]:
    """What became of each law."""
    laws: list[dict[str, Any]] = answer.document["laws"]
    return {law["law"]: law["outcome"] for law in laws}


async def test_an_adapter_that_keeps_the_contract_passes_and_is_left_as_it_was(options: Options) -> None:
    """Every law is kept, none is skipped, and the SKUs show what they showed."""
    store = ReferenceStore(shop(), token=TOKEN)
    answer, found = await checked(options, store)
    assert found == {law.name: "KEPT" for law in stores.LAWS}
    assert answer.exit_status == OK
    assert store.shop.shown == {"A": 2, "B": 2}


@pytest.mark.parametrize("seed", range(5))
async def test_weather_is_no_breach(options: Options, seed: int) -> None:
    """An adapter may ask for patience, and may show late what it accepted."""
    store = ReferenceStore(shop(), token=TOKEN, seed=seed)
    store.weather = Weather(throttle=0.2, late=0.3, settle_seconds=0.01, retry_after_seconds=0.01)
    answer, _ = await checked(options, store)
    assert answer.exit_status == OK, answer.document


async def test_what_is_not_claimed_is_not_tried(options: Options) -> None:
    """Laws of abilities that an adapter does not have are skipped, and break nothing."""
    modest = replace(ABILITIES, compare_and_set=False, fenced=False, reads_back=False)
    store = ReferenceStore(shop(compares=False, fenced=False), token=TOKEN, abilities=modest)
    answer, found = await checked(replace(options, token_file=None), store)
    assert (answer.exit_status, found["described"]) == (REFUSED, "BROKEN")  # no token was presented
    answer, found = await checked(options, store)
    assert answer.exit_status == OK
    skipped = {name for name, outcome in found.items() if outcome == "SKIPPED"}
    assert skipped == {"known", "shown", "absolute", "compares", "fenced", "numbers", "units", "restored"}


@pytest.mark.parametrize("sabotage", Sabotage, ids=lambda sabotage: sabotage.name.lower())
async def test_every_breach_of_a_store_is_found(options: Options, sabotage: Sabotage) -> None:
    """Whatever an adapter does wrong breaks the law that says so, and the check is not passed."""
    answer, found = await checked(options, ReferenceStore(shop(), token=TOKEN, sabotage=sabotage), settle_seconds=0)
    assert found[FOUND_BY[sabotage]] == "BROKEN", answer.document
    assert answer.exit_status == REFUSED


async def test_a_warehouse_that_keeps_the_contract_passes(options: Options) -> None:
    """Every law is kept, and none is skipped."""
    async with warehouse().serving() as adapter:
        answer = await report.check_warehouse(options, adapter.target)
    assert outcomes(answer) == {law.name: "KEPT" for law in warehouses.LAWS}
    assert answer.exit_status == OK


@pytest.mark.parametrize("sabotage", reference_warehouse.Sabotage, ids=lambda sabotage: sabotage.name.lower())
async def test_every_breach_of_a_warehouse_is_found(options: Options, sabotage: reference_warehouse.Sabotage) -> None:
    """Whatever an adapter does wrong breaks the law that says so, and the check is not passed."""
    async with warehouse(sabotage).serving() as adapter:
        answer = await report.check_warehouse(options, adapter.target)
    assert outcomes(answer)[FOUND_BY_WAREHOUSE[sabotage]] == "BROKEN", answer.document
    assert answer.exit_status == REFUSED


async def test_it_is_a_line_that_anybody_can_type(options: Options) -> None:
    """The verb prints each law, and ends with 0, with 1 where one is broken, with 3 where nobody answers."""
    weir = Weir()
    assert options.token_file is not None
    async with ReferenceStore(shop(), token=TOKEN).serving() as store:
        line = ("connector", "check", store.target, "--sku", "A", "--token-file", str(options.token_file))
        said = await weir(*line, "--json")
        assert (said.status, len(said.document["laws"])) == (OK, len(stores.LAWS))
    assert (await weir(*line)).status == UNAVAILABLE
    async with warehouse(reference_warehouse.Sabotage.OPEN).serving() as adapter:
        said = await weir("connector", "check", adapter.target, "--warehouse", "--token-file", str(options.token_file))
        assert (said.status, "It answers without the token." in said.out) == (REFUSED, True)
