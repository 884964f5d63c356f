"""The golden cases of stock that is divided at an instant: the suite divides it by itself, nobody sets a ceiling."""

from __future__ import annotations

import pytest

from tests.kit.epochs import Epochs
from tests.kit.merchant import Merchant
from tests.kit.ordering import Playing
from tests.kit.spending import policy
from weir.partitioning.v1 import policy_pb2

EUROPE = """
    europe pools DE1, DE2, FR
    webshops are web-de, web-fr
    amazon are amazon-de
    europe feeds webshops, amazon
"""


@pytest.fixture
def story(merchant: Merchant) -> Playing:
    """What happens to the merchant."""
    return Playing(merchant)


@pytest.fixture
def epochs(merchant: Merchant) -> Epochs:
    """How the merchant's supplies are divided."""
    return Epochs(merchant)


async def test_case_two_each_group_spends_its_own(merchant: Merchant, story: Playing, epochs: Epochs) -> None:
    """Europe's 180 in two equal shares are 90 and 90, and both webshops show 90. An order of one webshop lowers both
    webshops and not Amazon, and one of Amazon does not lower the webshops; nothing is divided anew for that."""
    await story.play(f"{EUROPE}\nDE1 has 50 BIKE; DE2 has 30 BIKE; FR has 100 BIKE")
    await policy(merchant)
    assert await epochs.divided() == ("FIRST", {"webshops": 90, "amazon": 90})
    await story.play("""
        level of BIKE    => web-de 90, web-fr 90, amazon-de 90
        share of BIKE    => web-de 90, web-fr 90, amazon-de 90
        exposure of BIKE => 90
        order A wants 30 BIKE for web-fr
        level of BIKE    => web-de 60, web-fr 60, amazon-de 90
        order B wants 10 BIKE for amazon-de
        level of BIKE    => web-de 60, web-fr 60, amazon-de 80
        supply of BIKE   => web-de 140, web-fr 140, amazon-de 140
        order A is cancelled
        level of BIKE    => web-de 90, web-fr 90, amazon-de 80
        FR has 110 BIKE
    """)
    assert (await epochs.next()).supply == 180, "it was divided anew for what orders did"


async def test_case_two_a_share_is_more_than_one_webshop_may_sell(
    merchant: Merchant, story: Playing, epochs: Epochs
) -> None:
    """What both webshops show is one share: what the one sells of it the other cannot. Once it is spent an order is
    refused though Amazon has units, until the supply is divided anew."""
    await story.play(f"{EUROPE}\nDE1 has 50 BIKE; DE2 has 30 BIKE; FR has 100 BIKE")
    await policy(merchant, threshold_percent=0, hysteresis_units=1000)
    await epochs.divided()
    await story.play("""
        order A wants 50 BIKE for web-de
        order B wants 41 BIKE for web-fr
        order B          => refused ORDER_UNFILLED
        order C wants 40 BIKE for web-fr
        level of BIKE    => web-de 0, web-fr 0, amazon-de 90
        order D wants 1 BIKE for web-de
        order D          => refused ORDER_UNFILLED
        order E wants 1 BIKE for amazon-de
        level of BIKE    => web-de 0, web-fr 0, amazon-de 89
    """)


async def test_case_three_twenty_of_a_hundred_and_not_twenty_one(
    merchant: Merchant, story: Playing, epochs: Epochs
) -> None:
    """A group that has 21 of 100 left waits; at 20 the supply is divided anew. Another product that is divided after
    the order that left 21 shows that there was time enough."""
    await story.play(f"{EUROPE}\nFR has 200 BIKE; DE1 has 8 LAMP")
    await policy(merchant)
    assert [await epochs.next() for _ in range(2)]
    await story.play("order A wants 79 BIKE for web-de; DE1 has 10 LAMP")
    assert await epochs.divided("LAMP") == ("SUPPLY", {"webshops": 5, "amazon": 5})
    await story.play("level of BIKE => web-de 21, web-fr 21, amazon-de 100\norder B wants 1 BIKE for web-fr")
    assert await epochs.divided() == ("THRESHOLD", {"webshops": 60, "amazon": 60})
    await story.play("level of BIKE => web-de 60, web-fr 60, amazon-de 60")


@pytest.mark.parametrize(
    ("left", "terms", "level"),
    [
        (23, "60 %, rounded down", 13),
        (20, "29 %, rounded up", 6),
        (20, "29 %, rounded to the nearest", 6),
        (10, "53 %, rounded to the nearest", 5),
        (1, "90 %", 0),
        (3, "50 %", 1),
    ],
)
async def test_case_five_roundings_of_what_is_left(
    merchant: Merchant, story: Playing, epochs: Epochs, left: int, terms: str, level: int
) -> None:
    """A rule takes its rate of what is left of a share, not of what the share was nor of the supply: 13.8 down is 13;
    5.8 up and to the nearest is 6; 5.3 to the nearest is 5; 90 % of 1 is 0; 50 % of 3 is 1."""
    await story.play(f"{EUROPE}\nFR has 80 BIKE\nrule some tells web-de: {terms}")
    await policy(merchant, threshold_percent=0)
    assert await epochs.divided() == ("FIRST", {"webshops": 40, "amazon": 40})
    await story.play(f"""
        order A wants {40 - left} BIKE for web-fr
        share of BIKE => web-de {left}, amazon-de 40
        level of BIKE => web-de {level}, web-fr untold
    """)


async def test_ranked_shares_keep_their_minimums(merchant: Merchant, story: Playing, epochs: Epochs) -> None:
    """Of 1000: 40 % at least 100, 10 %, 20 % at least 300, 30 % are 400, 100, 300 and the 200 that are left. Divided
    anew, minimums are raised to again as far as those before leave something; the last rank gets the rest of it."""
    await story.play("europe pools FR\neurope feeds first, second, third, fourth\nFR has 1000 BIKE")
    part = policy_pb2.PolicyPart
    parts = [
        part(channel_group="first", rank=1, percent=40, minimum=100),
        part(channel_group="second", rank=2, percent=10),
        part(channel_group="third", rank=3, percent=20, minimum=300),
        part(channel_group="fourth", rank=4, percent=30),
    ]
    await policy(merchant, strategy=policy_pb2.STRATEGY_RANKED, parts=parts)
    assert await epochs.divided() == ("FIRST", {"first": 400, "second": 100, "third": 300, "fourth": 200})
    await story.play("""
        level of BIKE => first 400, second 100, third 300, fourth 200
        order A wants 330 BIKE for first
    """)
    assert await epochs.divided() == ("THRESHOLD", {"first": 268, "second": 67, "third": 300, "fourth": 35})
    await story.play("FR has 530 BIKE  # 200 of them are not promised")
    assert await epochs.divided() == ("SUPPLY", {"first": 100, "second": 20, "third": 80, "fourth": 0})
    await story.play("level of BIKE => first 100, second 20, third 80, fourth 0")


async def test_case_eleven_a_group_that_promised_more_than_it_has(
    merchant: Merchant, story: Playing, epochs: Epochs
) -> None:
    """Reserved 30 of what now holds 25: the supply is 0 and so is what everyone is told, at once and once it is divided
    anew, never less; the shortfall is 5. Nobody gets another unit though he had some left. What an order gives back is
    divided among all again, but for what is short."""
    await story.play(f"{EUROPE}\nFR has 40 BIKE")
    await policy(merchant, threshold_percent=10)
    assert await epochs.divided() == ("FIRST", {"webshops": 20, "amazon": 20})
    await story.play("""
        order A wants 16 BIKE for web-de; order B wants 14 BIKE for amazon-de
        level of BIKE     => web-de 4, web-fr 4, amazon-de 6
        FR has 25 BIKE
        supply of BIKE    => web-de 0, amazon-de 0
        level of BIKE     => web-de 0, web-fr 0, amazon-de 0
        shortfall of BIKE => FR 5
        available of BIKE => FR 0
    """)
    assert await epochs.divided() == ("SUPPLY", {"webshops": 0, "amazon": 0})
    await story.play("""
        share of BIKE     => web-de 0, amazon-de 0
        level of BIKE     => web-de 0, web-fr 0, amazon-de 0
        order C wants 1 BIKE for web-de
        order C           => refused ORDER_UNFILLED
        order B is cancelled
    """)
    made = await epochs.next()
    assert (made.supply, sorted(share.balanced for share in made.shares)) == (9, [4, 5])
    await story.play("shortfall of BIKE => FR 0")


async def test_what_a_group_no_longer_sells_is_the_others_at_once(
    merchant: Merchant, story: Playing, epochs: Epochs
) -> None:
    """A product that is denied to one of two channels of a group stays in its share. Once it is denied to the only one
    left the group's units are the others' at once, and an order of theirs gets them; what its own orders took stays
    theirs. Allowed again, it gets a share again."""
    await story.play(f"{EUROPE}\nFR has 120 BIKE; FR has 6 LAMP")
    await policy(merchant)
    assert [await epochs.next() for _ in range(2)]
    await story.play("""
        order A wants 20 BIKE for web-de
        web-fr does not sell BIKE; FR has 8 LAMP
        level of BIKE => web-de 40, web-fr untold, amazon-de 60
    """)
    assert await epochs.divided("LAMP") == ("SUPPLY", {"webshops": 4, "amazon": 4})
    await story.play("web-de does not sell BIKE")
    assert await epochs.divided() == ("GROUPS", {"amazon": 100})
    await story.play("""
        level of BIKE => web-de untold, web-fr untold, amazon-de 100
        order B wants 70 BIKE for amazon-de
        order B       => 70 BIKE at FR
        order A       => 20 BIKE at FR
        web-fr does not sell LAMP
    """)
    assert await epochs.divided() == ("GROUPS", {"webshops": 15, "amazon": 15})
    await story.play("level of BIKE => web-de untold, web-fr 15, amazon-de 15")
