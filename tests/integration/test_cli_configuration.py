"""Every verb of links, bundles, lots, policies, rules, limits, exposure and previews over the running suite."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kit.command import Weir
from tests.kit.suite import Suite
from tests.unit.test_cli_folder import written

_numbers = itertools.count(1)

STOCK = "sku,location,quantity,lot\nKETTLE,DE1,10,\nKETTLE,FR,4,\nMUG,DE1,8,\nCUP,DE1,30,\nTEA,DE1,5,L1\nTEA,DE1,7,L2\n"
TABLES: Mapping[str, str] = {
    "bundles": "bundle,component,quantity\nSET,KETTLE,1\nSET,MUG,4\n",
    "product_links": "source,destination,keep_back\nCUP,MUG,10\n",
    "lots": "sku,lot,expiry_date\nTEA,L1,2020-01-31\n",
    "back_orders": "sku,limit\nTEA,20\n",
    "policies": "policy,strategy\nscarce,WEIGHTED\n",
    "policy_parts": "policy,channel_group,rank,weight\nscarce,shops,1,1\nscarce,pos,2,1\n",
    "policy_products": "policy,sku\nscarce,KETTLE\n",
    "rules": 'rule,stores,rate_percent,threshold\nhalf,"shop-de,shop-fr",50,3\n',
    "rule_products": "rule,sku\nhalf,CUP\n",
    "limits": "store,limit,sku,quantity\nshop-fr,DENY,TEA,\nshop-fr,MAX,,6\n",
}


@pytest.fixture
def weir(suite: Suite) -> Weir:
    """Somebody at a terminal, for a tenant of their own."""
    return Weir(suite.addresses, f"configurer {next(_numbers)}")


async def done(weir: Weir, *words: str) -> Any:
    """The document of a line that does what it says."""
    said = await weir(*words, "--json")
    assert said.status == 0, said
    return said.document


async def loaded(weir: Weir, folder: Path, **changed: str | None) -> Path:
    """A folder of every table, brought in."""
    await done(weir, "load", str(written(folder, **{"stock": STOCK, **TABLES, **changed})))
    return folder


async def levels(weir: Weir, *skus: str) -> dict[str, dict[str, int]]:
    """What every channel may sell, of everything that was written."""
    found = await done(weir, "levels", *skus, "--fresh")
    return {each["sku"]: each["levels"] for each in found["levels"]}


async def test_every_table_of_a_folder_is_told_to_stores(weir: Weir, tmp_path: Path) -> None:
    """Links, bundles, lots, policies, rules and limits all have their part in the levels; loaded again nothing
    changes.
    """
    folder = await loaded(weir, tmp_path)
    assert await levels(weir, "SET", "MUG", "CUP", "KETTLE", "TEA") == {
        "SET": {"pos": 0, "shop-de": 7, "shop-fr": 6},  # 10 kettles and (8 + 20) mugs at DE1
        "MUG": {"pos": 0, "shop-de": 28, "shop-fr": 6},
        "CUP": {"pos": -1, "shop-de": 15, "shop-fr": 6},
        "KETTLE": {"pos": 0, "shop-de": 14, "shop-fr": 6},  # nobody else is linked to europe
        "TEA": {"pos": 0, "shop-de": 7, "shop-fr": -1},
    }
    again = await done(weir, "load", str(folder))
    assert (again["network"], again["received"]) == ({}, 0)


async def test_what_is_exported_can_be_loaded_elsewhere(weir: Weir, suite: Suite, tmp_path: Path) -> None:
    """Export, load into an empty suite, export: the same files, the same stock, the same levels."""
    (tmp_path / "made").mkdir()
    await loaded(weir, tmp_path / "made")
    first, second = tmp_path / "first", tmp_path / "second"
    written_down = await done(weir, "export", str(first), "--stock")
    assert written_down["files"]["stock.csv"] == 6
    elsewhere = Weir(suite.addresses, f"{weir.tenant} elsewhere")
    await done(elsewhere, "load", str(first))
    await done(elsewhere, "export", str(second), "--stock")
    assert {each.name: each.read_text() for each in first.iterdir()} == {
        each.name: each.read_text() for each in second.iterdir()
    }
    assert await levels(elsewhere) == await levels(weir)
    (first / "stock.csv").unlink()
    assert (await done(weir, "load", str(first)))["network"] == {}
    refused = await weir("export", str(first))
    assert refused.status == 2
    assert "--replace writes over them" in refused.out
    await done(weir, "export", str(first), "--replace")


async def test_products_are_linked_and_served_from_one_another(weir: Weir, tmp_path: Path) -> None:
    """A link is added, listed, seen among the sources in serving order, and removed; what cannot be is refused."""
    await loaded(weir, tmp_path, product_links=None)
    line = ("link", "add", "CUP", "MUG", "--keep-back", "10", "--location", "DE1", "--priority", "3")
    checked = await weir(*line, "--check")
    assert "only checked, nothing was changed" in checked.out
    assert (await done(weir, "link", "list"))["product_links"] == []
    made = (await done(weir, *line))["product_link"]
    assert (made["keep_back"], made["locations"], made["priority"]) == (10, ["DE1"], 3)
    refused = await weir(*line)
    assert (refused.status, "PRODUCT_LINK_EXISTS" in refused.err) == (1, True)
    assert len((await done(weir, "link", "list", "--from", "CUP"))["product_links"]) == 1
    assert (await done(weir, "link", "list", "--to", "CUP"))["product_links"] == []
    assert "CUP     →  MUG" in (await weir("link", "list")).out
    sources = (await done(weir, "sources", "MUG", "--fresh"))["sources"]
    assert [(each["kind"], each["product"]["sku"], each["units"]) for each in sources] == [
        ("OWN", "MUG", 8),
        ("LINKED", "CUP", 20),
    ]
    shown = await weir("sources", "SET")
    assert shown.status == 0, shown
    assert "assembled" in shown.out
    await done(weir, "link", "remove", "CUP", "MUG")
    assert (await levels(weir, "MUG"))["MUG"]["shop-de"] == 8


async def test_bundles_are_made_and_ended(weir: Weir, tmp_path: Path) -> None:
    """A bundle is added with its components, listed by one of them, and removed."""
    await loaded(weir, tmp_path, bundles=None)
    made = (await done(weir, "bundle", "add", "PAIR", "MUG=2", "KETTLE"))["bundle"]
    assert [(each["product"]["sku"], each["quantity"]) for each in made["components"]] == [("KETTLE", 1), ("MUG", 2)]
    assert (await levels(weir, "PAIR"))["PAIR"]["shop-de"] == 10
    assert len((await done(weir, "bundle", "list", "--with", "MUG"))["bundles"]) == 1
    assert (await done(weir, "bundle", "list", "--with", "TEA"))["bundles"] == []
    nested = await weir("bundle", "add", "CRATE", "PAIR")
    assert (nested.status, "BUNDLE_NESTED" in nested.err) == (1, True)
    assert (await weir("bundle", "add", "CRATE", "MUG=0")).status == 2
    assert "is no bundle any more" in (await weir("bundle", "remove", "PAIR")).out
    assert (await levels(weir, "PAIR"))["PAIR"]["shop-de"] == 0


async def test_lots_are_sold_until_their_day(weir: Weir, tmp_path: Path) -> None:
    """A lot whose day is over no longer counts; `never` lets it count again."""
    await loaded(weir, tmp_path)
    assert (await levels(weir, "TEA"))["TEA"]["shop-de"] == 7
    assert (await done(weir, "lot", "set", "TEA", "L1", "never"))["lot"]["expiry_date"] == ""
    await done(weir, "lot", "set", "TEA", "L2", "2099-12-31")
    assert (await levels(weir, "TEA"))["TEA"]["shop-de"] == 12
    listed = await done(weir, "lot", "list", "TEA", "--before", "2100-01-01")
    assert [(each["lot"], each["expiry_date"]) for each in listed["lots"]] == [("L2", "2099-12-31")]
    assert (await weir("lot", "set", "TEA", "L1", "soon")).status == 2


@pytest.mark.parametrize(("what", "several"), [("policy", "policies"), ("rule", "rules")])
async def test_what_is_tried_in_order_is_put_in_order(weir: Weir, tmp_path: Path, what: str, several: str) -> None:
    """Policies and rules alike: listed in order, shown, put in order, disabled and enabled again, removed."""
    more = {
        "policies": TABLES["policies"] + "rest,EQUAL_DIVISION\nlast,SAFETY_STOCK\n",
        "rules": TABLES["rules"] + "rest,pos,,\nlast,pos,90,\n",
    }
    await loaded(weir, tmp_path, **more)
    first = "scarce" if what == "policy" else "half"

    async def order() -> list[str]:
        return [each[what] for each in (await done(weir, what, "list"))[several]]

    assert await order() == [first, "rest", "last"]
    shown = await weir(what, "show", first)
    assert ("KETTLE" if what == "policy" else "CUP") in shown.out
    await done(weir, what, "order", "last", "--check")
    assert await order() == [first, "rest", "last"]
    moved = await done(weir, what, "order", "last", first)
    assert [(each[what], each["priority"]) for each in moved["priorities"]] == [("last", 1), (first, 2), ("rest", 3)]
    assert await order() == ["last", first, "rest"]
    refused = await weir(what, "order", "nobody")
    assert (refused.status, f"{what.upper()}_ORDER_INCOMPLETE" in refused.err) == (1, True)
    for _ in range(2):  # as one does who was not told what became of it
        assert (await done(weir, what, "disable", "last", "--request-id", "off"))[what]["disabled"] is True
    assert "disabled" in (await weir(what, "list")).out
    assert (await done(weir, what, "enable", "last"))[what]["disabled"] is False
    assert "last is gone" in (await weir(what, "remove", "last")).out
    assert await order() == [first, "rest"]
    gone = await weir(what, "show", "last")
    assert (gone.status, f"{what.upper()}_NOT_FOUND" in gone.err) == (1, True)


async def test_a_rule_that_does_not_do_what_it_seems_to_is_warned_of(weir: Weir, tmp_path: Path) -> None:
    """The warning is noted when it is loaded, and shown with the rule."""
    rules = "rule,stores,threshold,priority_store,priority_quantity\nhalf,pos,9,pos,9\n"
    said = await weir("load", str(written(tmp_path, **{**TABLES, "rules": rules})))
    assert "! rules.csv:2: the priority store of half is ignored" in said.out
    for words in (("rule", "list"), ("rule", "show", "half")):
        assert "! half: " in (await weir(*words)).out


async def test_limits_of_a_store_are_set_whole(weir: Weir, tmp_path: Path) -> None:
    """What is named is all that limits it; removed, nothing does."""
    await loaded(weir, tmp_path)
    assert [each["store"] for each in (await done(weir, "limit", "list"))["store_limits"]] == ["shop-fr"]
    made = (await done(weir, "limit", "set", "shop-fr", "--max", "2", "--allow", "CUP", "--allow", "MUG"))[
        "store_limits"
    ]
    assert (made["max_quantity"], len(made["allowed"]["products"])) == (2, 2)
    told = await levels(weir, "CUP", "MUG", "TEA")
    assert {sku: each["shop-fr"] for sku, each in told.items()} == {"CUP": 2, "MUG": 2, "TEA": -1}
    assert "told of 2 at most  sells only 2 products" in (await weir("limit", "show", "shop-fr")).out
    assert (await weir("limit", "set", "shop-fr")).status == 2
    await done(weir, "limit", "remove", "shop-fr")
    assert (await done(weir, "limit", "list"))["store_limits"] == []


async def test_exposure_is_told_of_the_most_exposed_and_of_those_named(weir: Weir, tmp_path: Path) -> None:
    """Two shops that are told the same units are exposed by them once; a product that is divided is not."""
    await loaded(weir, tmp_path, limits=None, lots=None)
    told = await done(weir, "exposure", "--fresh")
    assert [(each["product"]["sku"], each["exposure"]) for each in told["exposures"][:1]] == [("MUG", 28)]
    named = await done(weir, "exposure", "CUP", "TEA")
    assert [(each["product"]["sku"], each["exposure"]) for each in named["exposures"]] == [("CUP", 0), ("TEA", 12)]
    assert "exposed by" in (await weir("exposure", "--limit", "1")).out


async def test_a_preview_is_what_loading_then_does(weir: Weir, tmp_path: Path) -> None:
    """The levels that would differ are those that differ afterwards, and until then nothing does; a file may be
    previewed alone."""
    await loaded(weir, tmp_path)
    before = await levels(weir)
    (tmp_path / "limits.csv").write_text("store,limit,quantity\nshop-fr,MAX,9\n")
    (tmp_path / "product_links.csv").write_text("source,destination,disabled\nCUP,MUG,yes\n")
    told = await done(weir, "preview", str(tmp_path), "--fresh")
    assert await levels(weir) == before
    alone = await done(weir, "preview", str(tmp_path / "limits.csv"))
    assert {each["subject"] for each in alone["changes"]} == {"limits"}
    shown = await weir("preview", str(tmp_path))
    assert shown.out.splitlines()[-2] == "Nothing was changed."
    await done(weir, "load", str(tmp_path))
    after = await levels(weir)
    differing = {
        (sku, channel): (level, after[sku][channel])
        for sku, row in before.items()
        for channel, level in row.items()
        if level != after[sku][channel]
    }
    assert {
        (each["sku"], each["channel"]): (each["before"], each["after"]) for each in told["differences"]
    } == differing
    assert told["summary"]["levels"] == len(differing) > 0
    nothing = await weir("preview", str(tmp_path))
    assert nothing.out.splitlines()[0] == "Nothing would be configured otherwise."
    (tmp_path / "rules.csv").write_text("rule,stores\nhalf,moon\n")
    wrong = await weir("preview", str(tmp_path))
    assert (wrong.status, "unknown channel moon" in wrong.out) == (2, True)


async def test_an_explanation_names_what_holds_a_level_down(weir: Weir, tmp_path: Path) -> None:
    """All five stages, then the one that binds and every single change that would help."""
    await loaded(weir, tmp_path)
    tree = (await weir("explain", "CUP", "shop-de", "--fresh")).out.splitlines()
    stages = [line.split()[1].rstrip(":") for line in tree if line.startswith(("├── ", "└── "))]
    assert stages == ["reach", "supply", "split", "offer", "cap"]
    assert tree[0] == "CUP in shop-de: 15"
    assert any(line.startswith("The rule holds it down") for line in tree)
    assert any(line.strip().startswith("+ ") for line in tree)
    untold = await weir("explain", "TEA", "shop-fr")
    assert untold.out.splitlines()[0] == "TEA in shop-fr: told nothing"
