"""Links, bundles, lots, policies, rules and limits of a folder: judged whole, and arranged in an order that holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.kit.holding import Holding
from tests.unit.test_cli_folder import told, written
from weir.sync.v1 import rule_pb2
from weir_cli.loading import load
from weir_cli.merchant.folder import read_folder
from weir_cli.merchant.rules import notes
from weir_cli.merchant.values import FILES, Known

TABLES = {
    "bundles": "bundle,component,quantity\nSET,MUG,2\nSET,JUG,1\nBOX,TEA,6\n",
    "product_links": 'source,destination,bidirectional,locations\nMUG,CUP,,"DE1, FR"\nTEA,BREW,yes,\nSET,BOX,,\n',
    "lots": "sku,lot,expiry_date,owner\nTEA,L1,2027-01-31,\nTEA,L2,,acme\n",
    "back_orders": "sku,limit,owner\nMUG,50,\nTEA,8,acme\n",
    "policies": "policy,strategy,priority,buffer_percent\nscarce,RANKED,2,\nall,SAFETY_STOCK,,10\n",
    "policy_parts": "policy,channel_group,rank,percent,minimum,cap\nscarce,shops,1,60,5,\nscarce,pos,2,40,,100\n",
    "policy_products": "policy,sku\nscarce,MUG\n",
    "rules": 'rule,stores,threshold,priority_store,priority_quantity\nr,"shop-de,pos",5,pos,10\n',
    "rule_products": "rule,sku,owner\nr,MUG,\nr,MUG,acme\n",
    "limits": "store,limit,sku,quantity\npos,DENY,TEA,\npos,MAX,,50\nshop-de,ALLOW,,\n",
    "users": "user,role,display_name\nnord,DISTRIBUTOR,Nord\nrosa,REP,\nada,REP,\nroot,ADMINISTRATOR,\n",
    "pools": 'pool,hub,members,access_hub_stock\nnorth,nord,"rosa, ada",yes\n',
    "connections": "connection,role,kind,channel,settings,push_levels,pull_stock\n"
    'web,STORE,OSCAR,shop-de,"address=https://shop.example,partner=1",yes,\nerp,WAREHOUSE,TRYTON,,,,yes\n',
    "facilities": "connection,facility,location\nerp,A,DE1\n",
    "schedules": "connection,schedule,every,cron\nerp,often,15m,\nerp,nightly,,0 3 * * *\n",
    "listings": "connection,store_sku,sku\nweb,4711,MUG\nweb,4712,SET\n",
}


def full(folder: Path, **changed: str | bytes | None) -> Path:
    """The good folder with every table, but for the files named."""
    return written(folder, **{**TABLES, **changed})


def loaded(holding: Holding, folder: Path) -> list[str]:
    """The calls that loading a folder takes."""
    done = len(holding.calls)
    said = asyncio.run(load(holding.session(), folder, dry_run=False))
    assert said.exit_status == 0, said.document
    return holding.calls[done:]


def test_a_good_folder_of_every_table_has_no_fault(tmp_path: Path) -> None:
    """What fits together is read as it stands."""
    assert told(full(tmp_path)) == []
    assert {each.name for each in tmp_path.iterdir()} == {*FILES} - {"channel_groups.csv"}


WRONG: dict[str, tuple[dict[str, str | bytes | None], list[str]]] = {
    "cells": (
        {
            "bundles": "bundle,component,quantity\nSET,MUG,\nSET,JUG,0\n",
            "product_links": 'source,destination,bidirectional,locations\nA,B,maybe,"DE1,DE1"\nA,C,,"DE1,,FR"\n',
            "lots": "sku,lot,expiry_date\nTEA,L1,31.1.2027\n",
            "back_orders": "sku,limit\nMUG,\nTEA,-1\n",
            "policies": "policy,strategy,priority,rebalance_interval,threshold_percent\n"
            "x,LOTTERY,0,,101\ny,WEIGHTED,,30s,\nz,WEIGHTED,,soon,\n",
            "rules": 'rule,stores,rate_percent,constant\nr,,1001,-5\nq,"""pos",1,--5\n',
            "limits": "store,limit,sku\npos,ONLY,MUG\n",
            "policy_parts": None,
            "policy_products": None,
            "rule_products": None,
        },
        [
            "bundles.csv:2: quantity: Required.",
            "bundles.csv:3: quantity: '0' is not a whole number from 1 to 1000000.",
            "product_links.csv:2: bidirectional: 'maybe' is none of YES, NO.",
            "product_links.csv:2: locations: 'DE1' is there twice.",
            "product_links.csv:3: locations: '': Required.",
            "lots.csv:2: expiry_date: '31.1.2027' is no day such as 2027-01-31.",
            "back_orders.csv:2: limit: Required.",
            f"back_orders.csv:3: limit: '-1' is not a whole number from 0 to {10**15}.",
            "policies.csv:2: priority: '0' is not a whole number from 1 to 1000000.",
            "policies.csv:2: strategy: 'LOTTERY' is none of EQUAL_DIVISION, SAFETY_STOCK, WEIGHTED, RANKED, FIXED,"
            " DEMAND.",
            "policies.csv:2: threshold_percent: '101' is not a whole number from 0 to 100.",
            "policies.csv:3: rebalance_interval: '30s' is not from 1m to 30d.",
            "policies.csv:4: rebalance_interval: 'soon' is no length of time such as 90s, 15m, 2h, 7d.",
            "rules.csv:2: rate_percent: '1001' is not a whole number from 0 to 1000.",
            "rules.csv:2: stores: one or more, separated by commas.",
            "rules.csv:3: constant: '--5' is not a whole number from -1000000000 to 1000000000.",
            "rules.csv:3: stores: a quotation mark is not closed, or stands within a name.",
            "limits.csv:2: limit: 'ONLY' is none of DENY, ALLOW, MAX.",
        ],
    ),
    "rows twice": (
        {
            "bundles": TABLES["bundles"] + "SET,MUG,3\n",
            "product_links": TABLES["product_links"] + "MUG,CUP,,\n",
            "lots": TABLES["lots"] + "TEA,L1,,\n",
            "back_orders": TABLES["back_orders"] + "MUG,1,\n",
            "policies": TABLES["policies"] + "all,WEIGHTED,3,\n",
            "policy_parts": TABLES["policy_parts"] + "scarce,pos,3,,,\n",
            "policy_products": TABLES["policy_products"] + "scarce,MUG\n",
            "rules": TABLES["rules"] + "r,pos,,,\n",
            "rule_products": TABLES["rule_products"] + "r,MUG,acme\n",
            "limits": TABLES["limits"] + "pos,MAX,,7\n",
        },
        [
            "bundles.csv:5: component is there already (line 2).",
            "product_links.csv:5: link is there already (line 2).",
            "lots.csv:4: lot is there already (line 2).",
            "back_orders.csv:4: product is there already (line 2).",
            "policies.csv:4: policy is there already (line 3).",
            "policy_parts.csv:4: row is there already (line 3).",
            "policy_products.csv:3: product is there already (line 2).",
            "rules.csv:3: rule is there already (line 2).",
            "rule_products.csv:4: product is there already (line 3).",
            "limits.csv:5: row is there already (line 3).",
        ],
    ),
    "unknown names": (
        {
            "product_links": "source,destination,locations\nMUG,CUP,MARS\n",
            "policy_parts": TABLES["policy_parts"] + "scarce,markets,,,,\nnone,pos,,,,\n",
            "policy_products": "policy,sku\nnone,MUG\n",
            "rules": "rule,stores,warehouses\nr,moon,VENUS\n",
            "rule_products": "rule,sku\nnone,MUG\n",
            "limits": "store,limit,quantity\nmoon,MAX,1\n",
        },
        [
            "product_links.csv:2: unknown location MARS: locations.csv has none of this name.",
            "policy_parts.csv:4: unknown channel group markets: channels.csv has none of this name.",
            "policy_parts.csv:5: unknown policy none: neither policies.csv nor the suite has it.",
            "policy_products.csv:2: unknown policy none: neither policies.csv nor the suite has it.",
            "rules.csv:2: unknown channel moon: channels.csv has none of this name.",
            "rules.csv:2: unknown location VENUS: locations.csv has none of this name.",
            "rule_products.csv:2: unknown rule none: neither rules.csv nor the suite has it.",
            "limits.csv:2: unknown channel moon: channels.csv has none of this name.",
        ],
    ),
    "bundles and links that cannot be": (
        {
            "bundles": TABLES["bundles"] + "CRATE,SET,1\n",
            "product_links": "source,destination,bidirectional\nMUG,MUG,\nSET,MUG,\nTEA,BREW,yes\nBREW,TEA,\n",
        },
        [
            "bundles.csv:5: SET is a bundle itself (line 2); bundles do not nest.",
            "product_links.csv:2: MUG cannot be linked to itself.",
            "product_links.csv:3: SET is a bundle and MUG is not.",
            "product_links.csv:5: TEA and BREW are linked the other way already (line 4), and one of the two links is"
            " for both ways.",
        ],
    ),
    "numbers that a strategy does not use": (
        {
            "policies": "policy,strategy,buffer_units,buffer_percent\n"
            "scarce,RANKED,5,\nall,SAFETY_STOCK,5,10\nf,FIXED,,\n",
            "policy_parts": "policy,channel_group,weight,percent,quantity\nscarce,shops,2,60,\nscarce,pos,,50,7\n",
        },
        [
            "policies.csv:2: buffer_units: RANKED does not use it.",
            "policies.csv:3: buffer_percent: one of this and buffer_units at most.",
            "policies.csv:4: FIXED needs channel groups, and policy_parts.csv has none of it.",
            "policy_parts.csv:2: weight: RANKED does not use it.",
            "policy_parts.csv:3: percent: those of scarce add up to 110, 100 at most.",
            "policy_parts.csv:3: quantity: RANKED does not use it.",
        ],
    ),
    "what a mode or a strategy does not use": (
        {
            "policies": "policy,strategy,mode,threshold_percent,hysteresis_units,rebalance_interval,enforce,"
            "demand_days,damping_percent\n"
            "scarce,WEIGHTED,,30,5,2h,yes,,\nall,WEIGHTED,balanced,0,0,1m,yes,7,10\nmost,DEMAND,,,,,,7,10\n"
            "best,DEMAND,BALANCED,0,0,30d,,365,0\n",
            "policy_parts": "policy,channel_group,weight,protected_percent\nscarce,shops,1,50\nall,shops,1,50\n",
        },
        [
            "policies.csv:2: hysteresis_units: CONTINUOUS does not use it.",
            "policies.csv:2: rebalance_interval: CONTINUOUS does not use it.",
            "policies.csv:2: threshold_percent: CONTINUOUS does not use it.",
            "policies.csv:3: damping_percent: WEIGHTED does not use it.",
            "policies.csv:3: demand_days: WEIGHTED does not use it.",
            "policies.csv:3: enforce: BALANCED does not use it.",
            "policies.csv:4: mode: DEMAND needs BALANCED.",
            "policy_parts.csv:2: protected_percent: CONTINUOUS does not use it.",
        ],
    ),
    "rules and limits that cannot be": (
        {
            "policies": "policy,strategy,priority\nall,EQUAL_DIVISION,1\nscarce,WEIGHTED,1\n",
            "policy_parts": None,
            "rules": "rule,stores,priority_store,priority_quantity\nr,pos,shop-de,10\nq,pos,,10\n",
            "limits": "store,limit,sku,quantity\npos,DENY,,\npos,MAX,MUG,\npos,ALLOW,MUG,4\n",
        },
        [
            "policies.csv:3: priority: 1 is taken already (line 2).",
            "rules.csv:2: priority_store: shop-de is none of the stores of the rule.",
            "rules.csv:3: priority_quantity: for whom is said by priority_store, which is empty.",
            "limits.csv:2: sku: DENY names a product.",
            "limits.csv:3: quantity: MAX needs one.",
            "limits.csv:3: sku: MAX is for all products.",
            "limits.csv:4: quantity: ALLOW has none.",
        ],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_every_fault_of_a_table_is_told_with_its_line(case: str, tmp_path: Path) -> None:
    """All that is wrong at once, and nothing that only follows from it."""
    changed, expected = WRONG[case]
    assert told(full(tmp_path, **changed)) == expected


def test_what_the_suite_holds_is_judged_with_the_folder(tmp_path: Path) -> None:
    """A table alone fits with what stands there: bundles, links, priorities, and names that are used already."""
    known = Known(
        bundles={("", "CRATE"): frozenset({("", "SET")})},
        product_links={(("", "BOX"), ("", "CUP")): False, (("", "BREW"), ("", "TEA")): False},
        policies={"other": 2, "all": 7},
        rules={"first": 1},
        named=frozenset({"moon"}),
    )
    rules = "rule,stores,priority\nr,moon,1\n"
    assert told(full(tmp_path, stock=None, rules=rules), known) == [
        "bundles.csv:2: SET is a component of bundle CRATE; bundles do not nest.",
        "bundles.csv:4: BOX is a bundle and CUP is not, and the suite links them.",
        "product_links.csv:3: BREW and TEA are linked the other way already in the suite, and one of the two links is"
        " for both ways.",
        "policies.csv:2: priority: 2 is that of policy other, which keeps it.",
        "rules.csv:2: priority: 1 is that of rule first, which keeps it.",
    ]


def test_a_priority_store_without_effect_is_noted(tmp_path: Path) -> None:
    """A quantity that is not above the threshold is allowed, and said to be ignored."""
    rules = TABLES["rules"].replace("10", "5")
    merchant, _ = read_folder(full(tmp_path, rules=rules))
    assert "rules.csv:2: the priority store of r is ignored: 5 is not above the threshold, 5." in notes(merchant)


def test_tables_are_arranged_in_an_order_that_holds(tmp_path: Path) -> None:
    """What is named comes before what names it; a priority of one's own before places after all others."""
    assert loaded(Holding(), full(tmp_path, stock=None))[12:] == [
        "SetLot (('', 'TEA'), 'L1')",
        "SetBackOrders ('', 'MUG')",
        "SetBackOrders ('acme', 'TEA')",
        "CreateBundle ('', 'SET')",
        "CreateBundle ('', 'BOX')",
        "CreateProductLink (('', 'MUG'), ('', 'CUP'))",
        "CreateProductLink (('', 'TEA'), ('', 'BREW'))",
        "CreateProductLink (('', 'SET'), ('', 'BOX'))",
        "CreatePolicy scarce",
        "CreatePolicy all",
        "CreateRule r",
        "SetStoreLimits pos",
        "SetStoreLimits shop-de",
        "CreateUser nord",
        "CreateUser rosa",
        "CreateUser ada",
        "CreateUser root",
        "CreatePool north",
        "CreateConnection web",
        "CreateConnection erp",
        "ImportListings web 2",
        "UpdateConnection web",
        "UpdateConnection erp",
        "SetSchedule ('erp', 'often')",
        "SetSchedule ('erp', 'nightly')",
    ]


def test_only_tables_that_differ_are_changed(tmp_path: Path) -> None:
    """Loaded again nothing is done; a row that says something else is one update."""
    holding = Holding()
    loaded(holding, full(tmp_path, stock=None))
    (tmp_path / "stock.csv").unlink(missing_ok=True)
    assert loaded(holding, tmp_path) == []
    changed = {
        "bundles": TABLES["bundles"].replace("MUG,2", "MUG,3"),
        "product_links": TABLES["product_links"].replace("yes", "no"),
        "lots": TABLES["lots"].replace("2027-01-31", ""),
        "back_orders": TABLES["back_orders"].replace("50", "0"),
        "rule_products": "rule,sku\n",
        "limits": "store,limit,quantity\npos,MAX,50\n",
        "users": "user,role,display_name\nnord,DISTRIBUTOR,North\n",
        "pools": "pool,hub,members\nnorth,nord,ada\n",
    }
    assert loaded(holding, full(tmp_path, stock=None, **changed)) == [
        "SetLot (('', 'TEA'), 'L1')",
        "SetBackOrders ('', 'MUG')",
        "UpdateBundle ('', 'SET')",
        "UpdateProductLink (('', 'TEA'), ('', 'BREW'))",
        "UpdateRule r",
        "SetStoreLimits pos",
        "UpdatePool north",
        "UpdateUser nord",
        "UpdatePool north",
    ]
    assert not holding.state.rules["r"].products


def test_what_an_absent_table_would_say_stays(tmp_path: Path) -> None:
    """Policies alone keep their parts and products; products alone change nothing else of a policy."""
    holding = Holding()
    whole, alone, products = (tmp_path / name for name in ("whole", "alone", "products"))
    for folder in (whole, alone, products):
        folder.mkdir()
    loaded(holding, full(whole, stock=None))
    (alone / "policies.csv").write_text("policy,strategy,display_name\nscarce,RANKED,Scarce goods\n")
    assert loaded(holding, alone) == ["UpdatePolicy scarce"]
    (products / "policy_products.csv").write_text("policy,sku\nscarce,JUG\n")
    assert loaded(holding, products) == ["UpdatePolicy scarce"]
    found = holding.state.policies["scarce"]
    assert (found.display_name, found.priority, len(found.parts)) == ("Scarce goods", 2, 2)
    assert [each.sku for each in found.products] == ["JUG"]


def test_how_shares_move_is_as_the_table_says(tmp_path: Path) -> None:
    """Numbers that a row leaves empty are the defaults, in whatever form the suite holds them; a span may be said in
    any unit."""
    holding = Holding()
    policies = (
        "policy,strategy,mode,threshold_percent,rebalance_interval\na,WEIGHTED,BALANCED,0,90m\nb,DEMAND,BALANCED,,"
    )
    parts = "policy,channel_group,weight,protected_percent\na,pos,2,40\n"
    folder = full(tmp_path, stock=None, policies=policies, policy_parts=parts, policy_products=None)
    loaded(holding, folder)
    made, demand = (holding.state.policies[name] for name in ("a", "b"))
    assert (made.threshold_percent, made.hysteresis_units, made.rebalance_interval.seconds) == (0, 1, 5400)
    assert [part.protected_percent for part in made.parts] == [40]
    assert (demand.threshold_percent, demand.demand_days, demand.damping_percent) == (20, 30, 50)
    assert not demand.HasField("rebalance_interval")
    for name in ("threshold_percent", "hysteresis_units", "demand_days", "damping_percent"):
        demand.ClearField(name)
    assert loaded(holding, folder) == []
    (tmp_path / "policies.csv").write_text(policies.replace("90m", "5401s"))
    assert loaded(holding, folder) == ["UpdatePolicy a"]


def test_two_rules_change_places_by_way_of_a_third(tmp_path: Path) -> None:
    """One of them is put out of the way first, so that no two ever have one priority."""
    holding = Holding()
    loaded(holding, full(tmp_path, stock=None, rules="rule,stores,priority\nr,pos,1\nq,pos,2\n"))
    (tmp_path / "rules.csv").write_text("rule,stores,priority\nr,pos,2\nq,pos,1\n")
    assert loaded(holding, tmp_path) == ["UpdateRule r", "UpdateRule q", "UpdateRule r"]
    assert {name: each.priority for name, each in holding.state.rules.items()} == {"r": 2, "q": 1}
    assert holding.state.rules["r"].rounding == rule_pb2.ROUNDING_DOWN
