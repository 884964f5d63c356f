"""The golden cases of what locations hold: links, their refusals, and bundles; through the API."""

from __future__ import annotations

import pytest

from tests.kit.asking import play
from tests.kit.founding import goods
from tests.kit.merchant import Merchant
from weir.common.v1 import verdict_pb2
from weir.sharing.v1 import sharing_service_pb2 as pb

EUROPE = """
    europe pools DE1, FR
    america pools US
    europe feeds web-eu
    america feeds web-us
"""


async def test_case_six_a_bundle(merchant: Merchant) -> None:
    """A kit of one bike and two batteries, with 10 and 7 there, can be put together 3 times; one battery more makes
    4."""
    await play(
        merchant,
        f"""{EUROPE}
        KIT is made of 1 BIKE, 2 BATTERY
        FR has 10 BIKE; FR has 7 BATTERY
        level of KIT     => web-eu 3, web-us 0
        level of BATTERY => web-eu 7
        FR has 8 BATTERY
        level of KIT     => web-eu 4
        an order is promised 1 BATTERY at FR
        level of KIT     => web-eu 3
        """,
    )


async def test_case_seven_a_link_goes_one_way(merchant: Merchant) -> None:
    """SPACE-1 may use the stock of TV-1; TV-1 may use that of SPACE-1 only once the link goes both ways, and no longer
    when it does not."""
    await play(
        merchant,
        f"""{EUROPE}
        FR has 7 TV-1; FR has 4 SPACE-1
        TV-1 lends to SPACE-1
        level of SPACE-1 => web-eu 11
        level of TV-1    => web-eu 7
        TV-1 lends to SPACE-1, both ways
        level of SPACE-1 => web-eu 11
        level of TV-1    => web-eu 11
        TV-1 lends to SPACE-1
        level of TV-1    => web-eu 7
        """,
    )


async def test_case_eight_three_refusals_with_three_reasons(merchant: Merchant) -> None:
    """Lot L1 asked for where only L2 lies, CARTON where EACH lies, and a channel that is served from another warehouse:
    each refused, each with its reason; and what can be served is served."""
    await play(
        merchant,
        f"""{EUROPE}
        TV-1 lends to SPACE-1
        FR has 7 TV-1 of lot L2
        verdict of TV-1 for SPACE-1 of lot L1 => web-eu LOT_MISMATCH
        level of SPACE-1 of lot L1            => web-eu 0
        verdict of TV-1 for SPACE-1 in CARTON => web-eu UOM_MISMATCH
        level of SPACE-1 in CARTON            => web-eu 0
        verdict of TV-1 for SPACE-1           => web-us OTHER_WAREHOUSE
        level of SPACE-1                      => web-us 0
        verdict of TV-1 for SPACE-1 of lot L2 => web-eu COUNTED
        level of SPACE-1 of lot L2            => web-eu 7
        level of SPACE-1                      => web-eu 7
        """,
    )


@pytest.mark.parametrize(
    ("terms", "lot", "uom", "verdict", "units"),
    [
        ("", "L1", "", verdict_pb2.VERDICT_LOT_MISMATCH, 0),
        ("", "", "CARTON", verdict_pb2.VERDICT_UOM_MISMATCH, 0),
        (", only at US", "", "", verdict_pb2.VERDICT_OTHER_WAREHOUSE, 0),
        (", keeping back 7", "", "", verdict_pb2.VERDICT_KEPT_BACK, 0),
        (", switched off", "", "", verdict_pb2.VERDICT_LINK_INACTIVE, 0),
        ("", "L2", "", verdict_pb2.VERDICT_COUNTED, 7),
        (", keeping back 3", "", "", verdict_pb2.VERDICT_COUNTED, 4),
    ],
)
async def test_case_eight_by_source(
    merchant: Merchant, terms: str, lot: str, uom: str, verdict: verdict_pb2.Verdict.ValueType, units: int
) -> None:
    """The sources of a product say the same: why one does not count, or how many units of it do."""
    await play(merchant, f"{EUROPE}\nTV-1 lends to SPACE-1{terms}\nFR has 7 TV-1 of lot L2")
    request = pb.ListSourcesRequest(product=goods(("", "SPACE-1")), lot=lot, uom=uom, freshness=merchant.freshness())
    own, linked = (await merchant.stubs.sharing.ListSources(request)).sources
    assert (own.kind, linked.kind) == (pb.Source.KIND_OWN, pb.Source.KIND_LINKED)
    assert (linked.product, linked.verdict, linked.units) == (goods(("", "TV-1")), verdict, units)


async def test_case_eight_among_bundles(merchant: Merchant) -> None:
    """Two bundles share what is packed only where the link says that bundles share."""
    await play(
        merchant,
        f"""{EUROPE}
        KIT is made of 1 BIKE, 2 BATTERY; TOUR is made of 1 BIKE, 1 BATTERY
        FR has 2 KIT
        KIT lends to TOUR
        verdict of KIT for TOUR => web-eu BUNDLE_SHARING_OFF
        level of TOUR           => web-eu 0
        KIT lends to TOUR, bundles too
        verdict of KIT for TOUR => web-eu COUNTED
        level of TOUR           => web-eu 2
        FR has 1 BIKE; FR has 9 BATTERY
        level of TOUR           => web-eu 3
        """,
    )


async def test_case_nine_two_borrowers_of_one_source(merchant: Merchant) -> None:
    """A bundle of A and B, which both borrow from 10 units of S and have none of their own, can be made 5 times."""
    await play(
        merchant,
        f"""{EUROPE}
        SET is made of 1 A, 1 B
        S lends to A; S lends to B
        FR has 10 S
        level of A   => web-eu 10
        level of B   => web-eu 10
        level of SET => web-eu 5
        an order is promised 1 S at FR
        level of SET => web-eu 4
        """,
    )
