"""The golden cases of how stock is divided, through the API."""

from __future__ import annotations

from tests.kit.asking import play
from tests.kit.merchant import Merchant

EUROPE = """
    europe pools DE1, DE2, FR
    webshops are web-de, web-fr
    europe feeds webshops, amazon-de
"""


async def test_case_two_equal_division(merchant: Merchant) -> None:
    """Europe's 180, divided equally between the webshops and Amazon, are 90 and 90; both webshops show 90. Before the
    policy and after it everyone shows all."""
    await play(
        merchant,
        f"""{EUROPE}
        DE1 has 50 BIKE; DE2 has 30 BIKE; FR has 100 BIKE
        level of BIKE     => web-de 180, web-fr 180, amazon-de 180
        policy half: equal, webshops, amazon-de
        level of BIKE     => web-de 90, web-fr 90, amazon-de 90
        share of BIKE     => web-de 90, web-fr 90, amazon-de 90
        supply of BIKE    => web-de 180, web-fr 180, amazon-de 180
        held back of BIKE => europe 0
        exposure of BIKE  => 90
        no policy half
        level of BIKE     => web-de 180, web-fr 180, amazon-de 180
        """,
    )


async def test_ranked_shares(merchant: Merchant) -> None:
    """Of 1000: 40 % at least 100, 10 %, 20 % at least 300, 30 % are 400, 100, 300 and the 200 that are left."""
    await play(
        merchant,
        """
        europe pools FR
        europe feeds first, second, third, fourth
        FR has 1000 BIKE
        policy ranks: ranked, first 40 % at least 100, second 10 %, third 20 % at least 300, fourth 30 %
        share of BIKE     => first 400, second 100, third 300, fourth 200
        held back of BIKE => europe 0
        """,
    )


async def test_case_eleven_a_group_that_promised_more_than_it_has(merchant: Merchant) -> None:
    """Reserved 30 of what now holds 25: a shortfall of 5, and 0 for every channel, never less, however it is divided
    and whatever a rule takes off."""
    await play(
        merchant,
        f"""{EUROPE}
        FR has 40 BIKE
        an order is promised 30 BIKE at FR
        policy half: equal
        rule less tells web-de, amazon-de: minus 3
        level of BIKE     => web-de 2, amazon-de 2
        FR has 25 BIKE
        shortfall of BIKE => FR 5
        available of BIKE => FR 0
        supply of BIKE    => web-de 0, amazon-de 0
        share of BIKE     => web-de 0, amazon-de 0
        level of BIKE     => web-de 0, web-fr untold, amazon-de 0
        """,
    )
