"""What people are shown: why a level is what it is, and what a folder would change."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from rich.console import Console, RenderableType

from tests.kit.holding import Holding
from tests.unit.test_cli_folder import written
from tests.unit.test_cli_tables import TABLES, full, loaded
from weir.aggregator.v1 import availability_service_pb2 as contract
from weir.aggregator.v1 import explanation_pb2
from weir.common.v1 import stock_pb2, verdict_pb2
from weir.ledger.v1 import reservation_pb2
from weir.sharing.v1 import network_pb2
from weir_allocation.claims import Claim
from weir_cli.merchant.arranging import arrangement
from weir_cli.merchant.folder import read_folder
from weir_cli.merchant.state import State
from weir_cli.previewing import changes_of
from weir_cli.ruling import KINDS, every
from weir_cli.selling import UNTOLD, explanation, exposure_table, level_table
from weir_cli.tables import claims


def shown(*parts: RenderableType) -> list[str]:
    """The lines that a terminal would show, without those that are blank."""
    console = Console(file=io.StringIO(), width=160, color_system=None)
    for part in parts:
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip()]


def step(stage: int, verdict: int, sentence: str, *steps: explanation_pb2.Step) -> explanation_pb2.Step:
    """One step as the aggregator tells it."""
    return explanation_pb2.Step(stage=stage, verdict=verdict, sentence=sentence, steps=steps)  # type: ignore[arg-type]


def test_an_explanation_is_a_tree_of_stages_with_what_would_help() -> None:
    """Stage by stage in their order; what did not count has its reason, and at the end stands what would raise it."""
    response = contract.ExplainAvailabilityResponse(
        level=3,
        binding=explanation_pb2.STAGE_OFFER,
        remedies=[explanation_pb2.Remedy(sentence="A threshold of 2 gives 4 more.", level=7)],
        steps=[
            step(explanation_pb2.STAGE_REACH, verdict_pb2.VERDICT_COUNTED, "'DE1' may serve it."),
            step(
                explanation_pb2.STAGE_SUPPLY,
                verdict_pb2.VERDICT_UNSPECIFIED,
                "The locations hold 7.",
                step(explanation_pb2.STAGE_SUPPLY, verdict_pb2.VERDICT_COUNTED, "'DE1' gives 7."),
                step(
                    explanation_pb2.STAGE_SUPPLY,
                    verdict_pb2.VERDICT_NOT_LINKED,
                    "'FR' holds 5, but does not serve it.",
                    step(explanation_pb2.STAGE_SUPPLY, verdict_pb2.VERDICT_COUNTED, "MUG: 5 there."),
                ),
            ),
            step(explanation_pb2.STAGE_CAP, verdict_pb2.VERDICT_LIMITED, "3 at most."),
        ],
    )
    assert shown(explanation(response, "MUG", "shop")) == [
        "MUG in shop: 3",
        "├── reach: where it may be served from",
        "│   └── ✓ 'DE1' may serve it.",
        "├── supply: what lies there",
        "│   └── The locations hold 7.",
        "│       ├── ✓ 'DE1' gives 7.",
        "│       └── ✗ 'FR' holds 5, but does not serve it.  not linked",
        "│           └── MUG: 5 there.",
        "└── cap: what the store is told at most",
        "    └── ✓ 3 at most.",
        "The rule holds it down (offer).",
        "  + A threshold of 2 gives 4 more.  → 7",
    ]


def test_whose_custody_counts_is_told_below_that_a_channel_sells_from_custody() -> None:
    """The hub's counts while it is shared, else it does not, with the reason; a channel through which nobody sells is
    fed by nothing."""
    custody = (stage := explanation_pb2.STAGE_REACH, verdict_pb2.VERDICT_BY_CUSTODY, "It sells what is in custody.")
    shared = step(stage, verdict_pb2.VERDICT_HUB_ACCESS_ON, "The hub's counts.")
    kept = step(stage, verdict_pb2.VERDICT_HUB_ACCESS_OFF, "The hub's does not.")
    response = contract.ExplainAvailabilityResponse(steps=[step(*custody, shared, kept), step(*custody)])
    assert shown(explanation(response, "MUG", "rep"))[2:] == [
        "    ├── It sells what is in custody.",
        "    │   ├── ✓ The hub's counts.",
        "    │   └── ✗ The hub's does not.  hub access off",
        "    └── ✗ It sells what is in custody.  by custody",
    ]


def test_a_store_that_is_told_nothing_has_no_number() -> None:
    """Not 0, which is something to be told."""
    response = contract.ExplainAvailabilityResponse(untold=True, binding=explanation_pb2.STAGE_CAP)
    assert shown(explanation(response, "MUG", "shop"))[0] == "MUG in shop: told nothing"
    table = level_table({("", "MUG"): {"shop": UNTOLD, "till": 0}}, ["shop", "till"])
    assert shown(table)[-1].split() == ["MUG", "·", "0"]


def test_every_verdict_either_counts_or_says_why_not() -> None:
    """A verdict that the tree does not know would be marked as one that did not count."""
    counting = {
        *("COUNTED", "COUNTED_ONCE", "LATE", "DIVIDED", "BALANCED", "WON", "OFFERED", "LIMITED", "HUB_ACCESS_ON"),
    }
    marked = {}
    for name, number in verdict_pb2.Verdict.items():
        response = contract.ExplainAvailabilityResponse(steps=[step(explanation_pb2.STAGE_SPLIT, number, "it.")])
        marked[name.removeprefix("VERDICT_")] = shown(explanation(response, "MUG", "shop"))[-1].split()[1]
    assert {name for name, mark in marked.items() if mark == "✓"} == counting
    assert {name for name, mark in marked.items() if mark == "it."} == {"UNSPECIFIED"}


def test_rules_are_listed_in_the_order_they_are_tried(tmp_path: Path) -> None:
    """With their numbers in words, and the warnings of the service below."""
    holding = Holding()
    loaded(holding, full(tmp_path, stock=None, rules=TABLES["rules"] + "first,shop-fr,,,\n"))
    (tmp_path / "rules.csv").write_text(
        "rule,stores,priority,rate_percent,constant\nfirst,shop-fr,1,50,-2\nr,pos,2,,\n"
    )
    loaded(holding, tmp_path)
    holding.state.rules["r"].warnings.add(sentence="10 is not above 12.")
    answer = asyncio.run(every(holding.session(), KINDS["rule"]))
    rows = shown(*answer.shown)
    assert [row.split()[:2] for row in rows[2:4]] == [["1", "first"], ["2", "r"]]
    assert "50 % - 2" in rows[2]
    assert rows[4] == "! r: 10 is not above 12."
    assert [each["rule"] for each in answer.document["rules"]] == ["first", "r"]


def test_policies_are_told_with_how_their_shares_move(tmp_path: Path) -> None:
    """When a supply is divided anew, what demand is taken from, and what of a share is protected, in words."""
    holding = Holding()
    policies = (
        "policy,strategy,mode,threshold_percent,hysteresis_units,rebalance_interval,enforce\n"
        "a,WEIGHTED,BALANCED,30,5,90m,\nb,DEMAND,BALANCED,,,,\nc,EQUAL_DIVISION,,,,,yes\nd,EQUAL_DIVISION,,,,,\n"
    )
    parts = "policy,channel_group,weight,protected_percent\na,pos,2,40\n"
    loaded(holding, full(tmp_path, stock=None, policies=policies, policy_parts=parts, policy_products=None))
    answer = asyncio.run(every(holding.session(), KINDS["policy"]))
    rows = shown(*answer.shown)
    assert [row.split()[1] for row in rows[2:6]] == ["a", "b", "c", "d"]
    assert "balanced, anew at 30 % left and every 90m, of 5 units or more" in rows[2]
    assert "demand of 30 days, damped 50 %" in rows[3]
    assert "balanced, anew at 20 % left  " in rows[3]
    assert "continuous, enforced" in rows[4]
    assert shown(*KINDS["policy"].detailed(holding.state.policies["a"]))[-3].split()[3:] == ["weight", "protected"]
    assert shown(*KINDS["policy"].detailed(holding.state.policies["a"]))[-1].split() == ["pos", "0", "2", "40", "%"]


def test_claims_are_told_with_their_ceilings_and_what_they_stand_for() -> None:
    """Where a ceiling was ever set; a share's key in words, any other as whoever set it says."""
    plain = reservation_pb2.Claim(claim="all", open=1, fulfilled=2)
    assert shown(claims([plain]))[-1].split() == ["all", "3", "1", "2"]
    share = Claim(("acme", "SET"), "europe", "shops", 4)
    counted = reservation_pb2.Claim(claim=share.key, open=8, ceiling=40, epoch=7, subject=share.subject)
    ended = reservation_pb2.Claim(claim="mine", epoch=9, subject="whatever I like")
    rows = shown(claims([plain, counted, ended]))[2:]
    assert rows[0].split() == ["all", "3", "1", "2", "none"]
    assert rows[1].split(maxsplit=6)[1:] == ["8", "8", "0", "40", "7", "acme/SET of europe for shops, 4 for each"]
    assert rows[2].split(maxsplit=5)[1:] == ["0", "0", "0", "none", "9  whatever I like"]


def test_exposure_is_told_with_bundles_where_there_are_some() -> None:
    """What stores are told of bundles takes units of the components, too."""
    product = stock_pb2.Product(sku="MUG")
    alone = contract.Exposure(product=product, exposure=0, levels=5, supply=5)
    assert shown(exposure_table([alone]))[-1].split() == ["MUG", "0", "5", "5"]
    bundled = contract.Exposure(product=product, levels=5, supply=5, bundled=8, bundled_exposure=8)
    rows = shown(exposure_table([alone, bundled]))
    assert rows[0].split(maxsplit=4)[4] == "in bundles  with bundles"
    assert rows[-1].split() == ["MUG", "0", "5", "5", "8", "8"]


def test_a_preview_is_of_every_object_as_it_would_be(tmp_path: Path) -> None:
    """Each once; a channel brings the group that is made with it, and one without a priority comes after all others."""
    merchant, _ = read_folder(full(tmp_path))
    changes = changes_of(arrangement(merchant, State()), State())
    kinds = [getattr(each, str(each.WhichOneof("change"))).WhichOneof("object") for each in changes]
    assert kinds == [
        *["warehouse_group"] * 2,
        "location_setting",
        "channel_group",
        *["channel"] * 2,
        *["channel_group", "channel"],
        *["group_link"] * 2,
        *["bundle"] * 2,
        *["product_link"] * 3,
        *["policy"] * 2,
        "rule",
        *["store_limits"] * 2,
    ]
    groups = [each.network.channel_group for each in changes if each.network.HasField("channel_group")]
    assert groups[1] == network_pb2.ChannelGroup(channel_group="pos", own_channel="pos")
    policies = [each.partitioning.policy for each in changes if each.HasField("partitioning")]
    assert [(each.policy, each.priority) for each in policies] == [("scarce", 2), ("all", 3)]


def test_a_preview_tells_a_rule_that_changes_places_once(tmp_path: Path) -> None:
    """What it is put out of the way to is no concern of the preview."""
    holding = Holding()
    loaded(holding, full(tmp_path, stock=None, rules="rule,stores,priority\nr,pos,1\nq,pos,2\n"))
    rules = "rule,stores,priority\nr,pos,2\nq,pos,1\n"
    merchant, _ = read_folder(written(tmp_path, rules=rules, stock=None))
    changes = changes_of(arrangement(merchant, holding.state), holding.state)
    assert {each.rules.rule.rule: each.rules.rule.priority for each in changes} == {"r": 2, "q": 1}
    assert len(changes) == 2
