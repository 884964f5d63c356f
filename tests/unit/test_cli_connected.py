"""Stores and warehouses of a folder: judged whole, and arranged so that nothing flows too early."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.holding import Holding
from tests.unit.test_cli_folder import told, written
from tests.unit.test_cli_tables import TABLES, loaded
from weir_cli.merchant.folder import read_folder
from weir_cli.merchant.rules import notes
from weir_cli.merchant.values import Known

FILES = ("connections", "facilities", "schedules", "listings")


def connected(folder: Path, **changed: str | None) -> Path:
    """A good folder with a store and a warehouse, but for the files named."""
    return written(folder, **{"stock": None, **{name: TABLES[name] for name in FILES}, **changed})


WRONG: dict[str, tuple[dict[str, str | None], list[str]]] = {
    "cells": (
        {
            "connections": "connection,role,kind,channel,settings,late_after\n"
            'web,SHOP,OSCAR,shop-de,"address",\nerp,WAREHOUSE,SAP,,"a=1,a=2",30s\n',
            "facilities": None,
            "schedules": "connection,schedule,every\nerp,often,soon\n",
            "listings": "connection,store_sku,sku\nweb,,MUG\n",
        },
        [
            "connections.csv:2: role: 'SHOP' is none of STORE, WAREHOUSE.",
            "connections.csv:2: settings: 'address' is not of the form NAME=TEXT.",
            "connections.csv:3: kind: 'SAP' is none of SHOPIFY, WOOCOMMERCE, MEDUSA, OSCAR, WEBHOOK, CSV_FOLDER, SFTP,"
            " TRYTON, GRPC.",
            "connections.csv:3: late_after: '30s' is not from 1m to 30d.",
            "connections.csv:3: settings: 'a' is there twice.",
            "schedules.csv:2: every: 'soon' is no length of time such as 90s, 15m, 2h, 7d.",
            "listings.csv:2: store_sku: Required.",
        ],
    ),
    "rows twice": (
        {name: TABLES[name] + TABLES[name].splitlines()[1] + "\n" for name in FILES},
        [
            "connections.csv:4: channel shop-de is that of web (line 2).",
            "connections.csv:4: connection is there already (line 2).",
            "facilities.csv:3: facility is there already (line 2).",
            "schedules.csv:4: schedule is there already (line 2).",
            "listings.csv:4: listing is there already (line 2).",
        ],
    ),
    "what its role has not": (
        {
            "connections": "connection,role,kind,channel,push_levels,pull_stock,owner\n"
            "web,STORE,OSCAR,,yes,yes,acme\nerp,WAREHOUSE,TRYTON,shop-de,yes,,\n",
            "facilities": "connection,facility,location\nweb,A,DE1\nerp,B,MARS\n",
        },
        [
            "connections.csv:2: channel: a STORE has one.",
            "connections.csv:2: owner: a STORE has none.",
            "connections.csv:2: pull_stock: a STORE has none.",
            "connections.csv:3: channel: a WAREHOUSE has none.",
            "connections.csv:3: push_levels: a WAREHOUSE has none.",
            "facilities.csv:2: web is a STORE; a WAREHOUSE has facilities.",
            "facilities.csv:3: unknown location MARS: locations.csv has none of this name.",
        ],
    ),
    "names that are not there": (
        {
            "connections": "connection,role,kind,channel\nweb,STORE,OSCAR,moon\n",
            "facilities": None,
            "schedules": "connection,schedule,every,cron,time_zone\nnone,s,1h,,\nweb,t,,,\nweb,u,1h,,UTC\n",
            "listings": "connection,store_sku,sku\nnone,A,MUG\n",
        },
        [
            "connections.csv:2: unknown channel moon: channels.csv has none of this name.",
            "schedules.csv:2: unknown connection none: neither connections.csv nor the suite has it.",
            "schedules.csv:3: when it is due is said by one of every and cron.",
            "schedules.csv:4: time_zone: is that of cron, which is empty.",
            "listings.csv:2: unknown connection none: neither connections.csv nor the suite has it.",
        ],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_every_fault_is_told_with_its_line(case: str, tmp_path: Path) -> None:
    """All that is wrong at once, and nothing that only follows from it."""
    changed, expected = WRONG[case]
    assert told(connected(tmp_path, **changed)) == expected


def test_what_the_suite_holds_is_judged_with_the_folder(tmp_path: Path) -> None:
    """A connection keeps its role, and a channel its store until that has another."""
    known = Known(connections={"web": "WAREHOUSE", "old": "STORE"}, connected={"shop-de": "old"})
    assert told(connected(tmp_path), known) == [
        "connections.csv:2: channel shop-de is that of old in the suite; give that another one first.",
        "connections.csv:2: role: web is a WAREHOUSE.",
    ]


def test_what_flows_begins_after_skus_are_something(tmp_path: Path) -> None:
    """A new store is told nothing before its listings are there; loaded again nothing is done, and what is changed is
    changed alone."""
    holding = Holding()
    assert loaded(holding, connected(tmp_path))[-7:] == [
        "CreateConnection web",
        "CreateConnection erp",
        "ImportListings web 2",
        "UpdateConnection web",
        "UpdateConnection erp",
        "SetSchedule ('erp', 'often')",
        "SetSchedule ('erp', 'nightly')",
    ]
    web = holding.state.connections["web"]
    assert (dict(web.settings), web.push_levels) == ({"address": "https://shop.example", "partner": "1"}, True)
    assert loaded(holding, tmp_path) == []
    (tmp_path / "listings.csv").write_text(TABLES["listings"].replace("SET", "MUG"))
    assert loaded(holding, tmp_path) == ["ImportListings web 1"]
    (tmp_path / "connections.csv").unlink()
    (tmp_path / "facilities.csv").write_text("connection,facility,location\nerp,A,FR\n")
    assert loaded(holding, tmp_path) == ["UpdateConnection erp"]
    assert holding.state.connections["erp"].facilities[0].location == "FR"


def test_secrets_are_in_no_folder(tmp_path: Path) -> None:
    """That they have to be set is noted."""
    merchant, _ = read_folder(connected(tmp_path))
    assert [note for note in notes(merchant) if "secrets" in note] == [
        "web, erp: secrets are in no folder; `weir connect secret` sets them where there are none."
    ]
