"""The golden cases of what one order, and many orders at once, may be given: planned and promised through the API."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from tests.kit.merchant import Merchant, verified
from tests.kit.ordering import Playing, placed, play
from tests.kit.sentences import order
from weir_chassis import status

EUROPE = """
    europe pools DE1, FR
    america pools US
    europe feeds web-eu
    america feeds web-us
"""


async def test_case_eight_three_refusals_with_three_reasons(merchant: Merchant) -> None:
    """Lot L1 asked for where only L2 lies, CARTON where EACH lies, and a channel that is served from another warehouse:
    each line is missing with its reason and the units that come nearest; what can be served is planned."""
    await play(
        merchant,
        f"""{EUROPE}
        TV-1 lends to SPACE-1
        FR has 7 TV-1 of lot L2
        plan of 3 SPACE-1 of lot L1 for web-eu => 3 SPACE-1 missing (LOT_MISMATCH: 3 TV-1 of lot L2 at FR)
        plan of 3 SPACE-1 in CARTON for web-eu => 3 SPACE-1 missing (UOM_MISMATCH: 3 TV-1 of lot L2 at FR)
        plan of 3 SPACE-1 for web-us           => 3 SPACE-1 missing (OTHER_WAREHOUSE: 3 TV-1 of lot L2 at FR)
        plan of 3 SPACE-1 of lot L2 for web-eu => 3 TV-1 of lot L2 at FR as SPACE-1
        plan of 3 SPACE-1 for web-eu           => 3 TV-1 of lot L2 at FR as SPACE-1
        """,
    )


async def test_case_nine_two_bundles_share_a_component(merchant: Merchant) -> None:
    """Two lines whose bundles share a component with stock 1: either can be filled, the second one never; what is
    promised of the order is what was planned, and nobody else is promised that unit."""
    await play(
        merchant,
        f"""{EUROPE}
        KIT is made of 1 BIKE, 1 LAMP; TOUR is made of 1 BIKE, 1 BELL
        FR has 1 BIKE; FR has 5 LAMP; FR has 5 BELL
        level of KIT  => web-eu 1
        level of TOUR => web-eu 1
        plan of 1 KIT and 1 TOUR for web-eu, as much as possible => 1 BIKE at FR for 1 KIT, 1 LAMP at FR for 1 KIT, 1 TOUR missing (TAKEN: 1 BIKE at FR)
        objective of 1 KIT and 1 TOUR for web-eu, as much as possible => filled 1, assembled 1
        order A wants 1 KIT and 1 TOUR for web-eu
        order A       => refused ORDER_UNFILLED
        level of TOUR => web-eu 1
        order B wants 1 KIT and 1 TOUR for web-eu, as much as possible
        order B       => 1 BIKE at FR, 1 LAMP at FR
        order C wants 1 TOUR for web-eu
        order C       => refused ORDER_UNFILLED
        level of TOUR => web-eu 0
        """,  # noqa: E501  # a line of the example
    )


async def test_case_nine_the_same_unit_by_four_roads(merchant: Merchant) -> None:
    """A unit that a line may take as itself, another through a link, a third as a part of a bundle, and a fourth as a
    part that a link lends, is given out once."""
    await play(
        merchant,
        f"""{EUROPE}
        S lends to X; S lends to P
        SET is made of 1 S, 1 Q; PAIR is made of 1 P, 1 Q
        FR has 2 S; FR has 9 Q
        objective of 1 S and 1 X and 1 SET and 1 PAIR for web-eu, as much as possible => filled 2
        objective of 2 X and 2 PAIR for web-eu, as much as possible                   => filled 2
        plan of 2 PAIR for web-eu => 2 S at FR as P for 2 PAIR, 2 Q at FR for 2 PAIR
        """,
    )


async def test_case_nine_a_bundle_of_two_borrowers(merchant: Merchant) -> None:
    """A bundle of A and B, which both borrow from 10 units of S and have none of their own: 5 are promised, and never
    6."""
    await play(
        merchant,
        f"""{EUROPE}
        SET is made of 1 A, 1 B
        S lends to A; S lends to B
        FR has 10 S
        order A wants 6 SET for web-eu
        order A      => refused ORDER_UNFILLED
        order B wants 5 SET for web-eu
        order B      => 10 S at FR
        level of SET => web-eu 0
        level of S   => web-eu 0
        """,
    )
    await verified(merchant)


@pytest.mark.parametrize("wanted", ["1 BIKE", "1 RACER", "1 SET"])
async def test_case_ten_ten_units_serve_ten_orders(merchant: Merchant, wanted: str) -> None:
    """Of twenty orders at once, each of one of ten units, over two locations, exactly ten are promised theirs, and the
    others are refused as unfilled; also where the units are lent, or parts of bundles."""
    await Playing(merchant).play(
        f"""{EUROPE}
        BIKE lends to RACER
        SET is made of 1 BIKE
        DE1 has 4 BIKE; FR has 6 BIKE
        level of BIKE => web-eu 10
        """
    )
    asked = (placed(merchant, order(f"order {number}", f"{wanted} for web-eu")) for number in range(20))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    refusals = [each for each in outcomes if isinstance(each, BaseException)]
    assert {status.reason(each) for each in refusals if isinstance(each, grpc.RpcError)} == {"ORDER_UNFILLED"}
    assert len(refusals) == 10
    assert {row["web-eu"] for row in (await merchant.levels()).values()} == {0}
    await verified(merchant)
