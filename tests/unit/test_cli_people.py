"""Persons and pools of a folder: judged whole, and arranged so that nobody is ever in two places."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.holding import Holding
from tests.unit.test_cli_folder import told, written
from tests.unit.test_cli_tables import loaded
from weir.pooling.v1 import pool_pb2
from weir_cli.merchant.folder import read_folder
from weir_cli.merchant.rules import notes
from weir_cli.merchant.values import Known

CHANNELS = "channel,kind,channel_group\nshop-de,WEBSHOP,shops\npos,POS,\nrosa-sells,REP,\nada-sells,REP,\n"
USERS = (
    "user,role,channel\nnord,DISTRIBUTOR,\nsud,DISTRIBUTOR,\nrosa,REP,rosa-sells\nada,REP,ada-sells\n"
    "eve,REP,\nroot,ADMINISTRATOR,\n"
)
POOLS = 'pool,hub,members,access_hub_stock\nnorth,nord,"rosa,ada",yes\nsouth,sud,eve,\n'


def people(folder: Path, **changed: str | None) -> Path:
    """A good folder with persons and pools, but for the files named."""
    return written(folder, **{"channels": CHANNELS, "users": USERS, "pools": POOLS, "stock": None, **changed})


WRONG: dict[str, tuple[dict[str, str | None], list[str]]] = {
    "cells": (
        {
            "users": "user,role,channel\n,REP,\nrosa,BOSS,\n",
            "pools": 'pool,hub,members,access_hub_stock\nnorth,,"rosa,rosa",maybe\n',
        },
        [
            "users.csv:2: user: Required.",
            "users.csv:3: role: 'BOSS' is none of ADMINISTRATOR, DISTRIBUTOR, REP.",
            "pools.csv:2: access_hub_stock: 'maybe' is none of YES, NO.",
            "pools.csv:2: hub: Required.",
            "pools.csv:2: members: 'rosa' is there twice.",
        ],
    ),
    "rows twice": (
        {"users": USERS + "eve,REP,\n", "pools": POOLS + "south,sud,,\n"},
        [
            "users.csv:8: user is there already (line 6).",
            "pools.csv:4: pool is there already (line 3).",
        ],
    ),
    "channels that cannot be": (
        {"users": USERS + "tom,REP,rosa-sells\ntim,REP,pos\nkim,REP,moon\n"},
        [
            "users.csv:8: channel rosa-sells is that of rosa (line 4).",
            "users.csv:9: channel: pos is of kind POS; a person's is of kind REP.",
            "users.csv:10: unknown channel moon: channels.csv has none of this name.",
        ],
    ),
    "places that cannot be": (
        {"pools": 'pool,hub,members\nnorth,rosa,"nord,tom"\nsouth,sud,"sud,rosa"\n'},
        [
            "pools.csv:2: nord is DISTRIBUTOR; a member is REP.",
            "pools.csv:2: rosa is REP; a hub is DISTRIBUTOR.",
            "pools.csv:2: unknown user tom: neither users.csv nor the suite has it.",
            "pools.csv:3: rosa is in pool north (line 2) already; a person is in one place at most.",
            "pools.csv:3: sud is DISTRIBUTOR; a member is REP.",
            "pools.csv:3: sud is in pool south (line 3) already; a person is in one place at most.",
        ],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_every_fault_is_told_with_its_line(case: str, tmp_path: Path) -> None:
    """All that is wrong at once, and nothing that only follows from it."""
    changed, expected = WRONG[case]
    assert told(people(tmp_path, **changed)) == expected


def test_what_the_suite_holds_is_judged_with_the_folder(tmp_path: Path) -> None:
    """Who is in a pool that the folder leaves out stays in it, with the role it needs; who sells through a channel and
    is not in the folder goes on to."""
    known = Known(
        roles={"nord": "DISTRIBUTOR", "west": "DISTRIBUTOR", "eve": "REP", "tom": "REP"},
        sellers={"rosa-sells": "tom"},
        pools={"west": ("west", ("tom", "eve")), "east": ("rosa", ())},
    )
    assert told(people(tmp_path), known) == [
        "users.csv:4: channel rosa-sells is that of tom, who keeps it.",
        "users.csv:4: role: rosa is hub of pool east, so DISTRIBUTOR.",
        "pools.csv:2: rosa is in pool east of the suite, which keeps its persons.",
        "pools.csv:3: eve is in pool west of the suite, which keeps its persons.",
    ]
    alone = tmp_path / "alone"
    alone.mkdir()
    assert told(people(alone, users=None, pools="pool,hub,members\nwest,west,eve\n"), known) == []


def test_hubs_that_change_places_are_told_before_anything_is_done(tmp_path: Path) -> None:
    """A pool is never without a hub, so none of them could go first; one that takes the place of who goes can."""
    holding = Holding()
    loaded(holding, people(tmp_path))
    known = holding.state.known()
    swapped = "pool,hub,members\nnorth,sud,\nsouth,nord,\n"
    assert told(people(tmp_path, users=None, pools=swapped), known) == [
        "pools.csv:2: the hubs of north, south change places; give one of these pools another hub first."
    ]
    users = USERS + "west,DISTRIBUTOR,\n"
    followed = "pool,hub,members\nnorth,sud,\nsouth,west,\n"
    assert told(people(tmp_path, users=users, pools=followed), known) == []


def test_persons_come_before_the_pools_they_are_in_and_stay_as_they_are(tmp_path: Path) -> None:
    """Loaded again nothing is done."""
    holding = Holding()
    assert loaded(holding, people(tmp_path))[-8:] == [
        "CreateUser nord",
        "CreateUser sud",
        "CreateUser rosa",
        "CreateUser ada",
        "CreateUser eve",
        "CreateUser root",
        "CreatePool north",
        "CreatePool south",
    ]
    assert holding.state.pools["north"].access_hub_stock
    assert loaded(holding, tmp_path) == []


def test_who_goes_leaves_before_he_enters_elsewhere(tmp_path: Path) -> None:
    """A member who becomes the hub, the hub who becomes a member, and two persons whose channels change hands: on the
    way nobody is in two places, nor without the role for his own."""
    holding = Holding()
    loaded(holding, people(tmp_path))
    users = "user,role,channel\nnord,REP,\nsud,DISTRIBUTOR,\nrosa,DISTRIBUTOR,ada-sells\nada,REP,rosa-sells\neve,REP,\n"
    pools = 'pool,hub,members\nnorth,rosa,"nord,eve"\nsouth,sud,ada\n'
    assert loaded(holding, people(tmp_path, users=users, pools=pools)) == [
        "UpdatePool north",
        "UpdatePool south",
        "UpdateUser rosa",
        "UpdateUser ada",
        "UpdateUser rosa",
        "UpdateUser ada",
        "UpdatePool north",
        "UpdateUser nord",
        "UpdatePool north",
        "UpdatePool south",
    ]
    found = {name: (each.hub, list(each.members)) for name, each in holding.state.pools.items()}
    assert found == {"north": ("rosa", ["eve", "nord"]), "south": ("sud", ["ada"])}
    assert holding.state.users["ada"] == pool_pb2.User(
        user="ada", role=pool_pb2.USER_ROLE_REP, channel="rosa-sells", etag=holding.state.users["ada"].etag
    )


def test_custody_needs_no_warehouse_group_and_a_rep_no_link(tmp_path: Path) -> None:
    """Shelves of facilities, trunks and channels of reps are worth no second look; custodians that are nobody are."""
    locations = "location,kind\nDE1,WAREHOUSE\nFR,WAREHOUSE\nBER,STORE\nvan,TRUNK\nward,FACILITY\n"
    stock = "sku,location,quantity,custodian\nMUG,van,3,rosa\nMUG,ward,1,nord\nJUG,ward,1,tom\n"
    channels = CHANNELS + "shop-fr,WEBSHOP,shops\n"
    merchant, _ = read_folder(people(tmp_path, locations=locations, stock=stock, channels=channels))
    assert notes(merchant) == ["stock.csv: tom: custodians that users.csv does not have."]
