"""The port `Listings`: the same in memory and on Postgres."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any

import pytest

from tests.kit.listings import OTHER, SHOP, STOREHOUSE, Kept, in_memory, on_postgres
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.configuration.objects import Named, Outcome
from weir_chassis.errors import EtagStale, RequestIdReused
from weir_chassis.idempotency import Attempt
from weir_sync.domain.imports import Fault, Faults, Import, Lines, ListingsImported
from weir_sync.domain.listings import Carried, Listing, ListingTouch, StoreSku
from weir_sync.domain.rules import Product
from weir_sync.errors import ConnectionNotFound, ListingNotFound, ListingsExhausted, ListingsRefused
from weir_sync.handlers import listings as handlers

_numbers = itertools.count()
_set = partial(handlers.set_listing, most=5)


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture(params=["memory", "postgres"])
async def kept(request: pytest.FixtureRequest, database: FreshDatabase) -> AsyncIterator[Kept]:
    """Each implementation."""
    if request.param == "memory":
        yield in_memory()
        return
    async with on_postgres(database) as there:
        yield there


async def listed(kept: Kept, tenant: str, *listings: Listing) -> None:
    """Let there be listings."""
    for each in listings:
        await kept.write(tenant, _set, each)


async def touches(kept: Kept, tenant: str) -> set[tuple[str, ...]]:
    """What is touched."""
    return {each.key for each in await kept.listings.touched(tenant, limit=1000)}


async def test_what_skus_are(kept: Kept, tenant: str) -> None:
    """A listing says what a SKU is; without one its product passes through, where it has no listing; a disabled one
    stands in the way as others do, and nothing flows for it. Both ways tell the same."""
    await kept.connect(tenant, SHOP, OTHER)
    await listed(
        kept,
        tenant,
        Listing("shop", "a-1", "", "A"),
        Listing("shop", "a-2", "", "A"),
        Listing("shop", "B", "acme", "B"),
        Listing("shop", "c-1", "", "C", disabled=True),
        Listing("shop", "D", "", "D", disabled=True),
    )
    skus = ["a-1", "a-2", "A", "B", "c-1", "C", "D", "E"]
    told = await kept.listings.products(tenant, [StoreSku("shop", each) for each in skus])
    assert {key.store_sku: product for key, product in told.items()} == {
        "a-1": Product("", "A"),
        "a-2": Product("", "A"),
        "B": Product("acme", "B"),
        "E": Product("", "E"),
    }
    products = [Product("", each) for each in "ABCDE"] + [Product("acme", "B"), Product("acme", "E")]
    found = await kept.listings.store_skus(tenant, [Carried("shop", each) for each in products])
    assert {key.product: tuple(skus) for key, skus in found.items()} == {
        Product("", "A"): ("a-1", "a-2"),
        Product("acme", "B"): ("B",),
        Product("", "E"): ("E",),
    }
    assert await kept.listings.store_skus(tenant, [Carried("other", Product("", "A"))]) == {
        ("other", ("", "A")): ("A",)
    }
    assert await kept.listings.products(tenant, [StoreSku("nowhere", "A")]) == {("nowhere", "A"): ("", "A")}


async def test_whose_goods_pass_through(kept: Kept, tenant: str) -> None:
    """Where the goods are another owner's, a SKU without a listing is a product of that owner, and nobody else's."""
    await kept.connect(tenant, STOREHOUSE)
    await listed(kept, tenant, Listing("storehouse", "x", "acme", "A"), Listing("storehouse", "B", "", "A"))
    skus = [StoreSku("storehouse", each) for each in ("x", "A", "B", "C")]
    assert await kept.listings.products(tenant, skus, owner="acme") == {
        ("storehouse", "x"): ("acme", "A"),
        ("storehouse", "B"): ("", "A"),
        ("storehouse", "C"): ("acme", "C"),
    }
    products = [Carried("storehouse", Product(owner, sku)) for owner in ("", "acme") for sku in "ABC"]
    assert await kept.listings.store_skus(tenant, products, owner="acme") == {
        ("storehouse", ("acme", "A")): ("x",),
        ("storehouse", ("", "A")): ("B",),
        ("storehouse", ("acme", "C")): ("C",),
    }


async def test_nothing_is_nothing(kept: Kept, tenant: str) -> None:
    """Who asks about nothing is told nothing, and nothing is touched."""
    assert await kept.listings.products(tenant, []) == {}
    assert await kept.listings.store_skus(tenant, []) == {}
    assert list(await kept.listings.touched(tenant, limit=9)) == []
    await kept.listings.settle(tenant, [])


async def test_touches_wait_until_they_are_settled(kept: Kept, tenant: str) -> None:
    """What a change may have made of a store's SKUs is touched until it is settled, once however often it changes; a
    touch that came after what was read stays; those of longest ago come first; a warehouse's SKUs are never touched."""
    await kept.connect(tenant, SHOP, STOREHOUSE)
    await listed(kept, tenant, Listing("shop", "x", "", "A"), Listing("storehouse", "x", "", "A"))
    assert await touches(kept, tenant) == {("shop", "x"), ("shop", "A")}
    before = await kept.listings.touched(tenant, limit=9)
    await listed(kept, tenant, Listing("shop", "x", "acme", "B"))
    await kept.listings.settle(tenant, before)
    assert await touches(kept, tenant) == {("shop", "x"), ("shop", "A")}
    await kept.listings.settle(tenant, await kept.listings.touched(tenant, limit=9))
    await kept.listings.settle(tenant, before)
    assert await touches(kept, tenant) == set()
    await listed(kept, tenant, Listing("shop", "x", "acme", "B"))
    assert await touches(kept, tenant) == set()
    await listed(kept, tenant, Listing("shop", "x", "acme", "B", disabled=True))
    await kept.write(tenant, handlers.delete_listing, Named(Listing, ("shop", "x")))
    await listed(kept, tenant, Listing("shop", "y", "", "A"))
    assert await kept.listings.touched(tenant, limit=9) == [ListingTouch("shop", each) for each in "Axy"]
    first = await kept.listings.touched(tenant, limit=1)
    assert first == [ListingTouch("shop", "A")]
    await kept.listings.settle(tenant, first)
    assert await touches(kept, tenant) == {("shop", "x"), ("shop", "y")}


async def test_refusals(kept: Kept, tenant: str) -> None:
    """A listing needs its connection, room there, and where a version is meant that very one; to go it must be
    there."""
    with pytest.raises(ConnectionNotFound):
        await listed(kept, tenant, Listing("shop", "x", "", "A"))
    with pytest.raises(ListingNotFound):
        await kept.write(tenant, handlers.delete_listing, Named(Listing, ("shop", "x")))
    await kept.connect(tenant, SHOP, OTHER)
    await listed(kept, tenant, *(Listing("shop", str(each), "", "A") for each in range(5)))
    with pytest.raises(ListingsExhausted):
        await listed(kept, tenant, Listing("shop", "x", "", "A"))
    await listed(kept, tenant, Listing("shop", "4", "", "B"), Listing("other", "x", "", "A"))
    with pytest.raises(EtagStale):
        await listed(kept, tenant, Listing("shop", "4", "", "C", etag="1"))


async def imported(
    kept: Kept, tenant: str, *rows: tuple[str, str, str, bool], request_id: str = "", check: bool = False, **fields: Any
) -> Outcome[ListingsImported]:
    """What comes of an import into the shop; raises its refusal."""
    upload = f"upload {next(_numbers)}"
    for place in range(0, len(rows), 2):
        columns = zip(*rows[place : place + 2], strict=True)
        await kept.bulk.stage(tenant, upload, Lines(place + 1, *map(list, columns)))
    wanted = Import(
        **{"connection": "shop", "upload": upload, "lines": len(rows), "replace": False, "most": 9, **fields}
    )
    try:
        if check:
            return await kept.bulk.check(tenant, wanted)
        return await kept.bulk.take(Attempt(tenant, "/import", request_id or upload, repr(rows).encode()), wanted)
    finally:
        await kept.bulk.drop(tenant, upload)


async def exported(kept: Kept, tenant: str, connection: str = "shop") -> tuple[int, Sequence[Listing]]:
    """All listings of a connection, with their versions, and the revision they are of."""
    parts = [each async for each in kept.bulk.export(tenant, connection)]
    assert len({revision for revision, _ in parts}) == 1
    return parts[0][0], [each for _, listings in parts for each in listings]


async def test_imports(kept: Kept, tenant: str) -> None:
    """An import adds, changes and, where it replaces all, removes: as one revision, and none where nothing is
    different; what it changed is touched, and nothing else of the connection, or of another one."""
    await kept.connect(tenant, SHOP, OTHER)
    await listed(kept, tenant, Listing("shop", "old", "", "O"), Listing("shop", "same", "", "S"))
    await listed(kept, tenant, Listing("other", "a", "", "B"))
    await kept.listings.settle(tenant, await kept.listings.touched(tenant, limit=99))
    rows = [("same", "", "S", False), ("a", "", "A", False), ("Ω 😀", "acme", "A", True), ("d", "", "D", False)]
    for check in (True, False):
        done = await imported(kept, tenant, *rows, check=check)
        assert done.object == ListingsImported("shop", added=3)
        assert done.revision == (4 if check else 5)
    assert await touches(kept, tenant) == {("shop", each) for each in ("a", "A", "Ω 😀", "d", "D")}
    assert await imported(kept, tenant, *rows) == Outcome(ListingsImported("shop"), 5)
    await kept.listings.settle(tenant, await kept.listings.touched(tenant, limit=99))
    rows = [("same", "", "S", True), ("a", "acme", "A", False), ("new", "", "N", False)]
    for check in (True, False):
        done = await imported(kept, tenant, *rows, check=check, replace=True)
        assert done.object == ListingsImported("shop", added=1, changed=2, removed=3)
    assert await touches(kept, tenant) == {
        ("shop", each) for each in ("same", "S", "a", "A", "new", "N", "old", "O", "Ω 😀", "d", "D")
    }
    revision, found = await exported(kept, tenant)
    assert (revision, [(each.store_sku, each.product, each.disabled, each.etag) for each in found]) == (
        6,
        [("a", ("acme", "A"), False, "6"), ("new", ("", "N"), False, "6"), ("same", ("", "S"), True, "6")],
    )
    assert [each.store_sku for each in (await exported(kept, tenant, "other"))[1]] == ["a"]
    assert (await imported(kept, tenant, replace=True)).object.removed == 3
    assert await exported(kept, tenant) == (7, [])


async def test_imports_of_warehouses_touch_nothing(kept: Kept, tenant: str) -> None:
    """Nobody tells a warehouse levels."""
    await kept.connect(tenant, STOREHOUSE)
    done = await imported(kept, tenant, ("a", "", "A", False), connection="storehouse")
    assert (done.object.added, await touches(kept, tenant)) == (1, set())


async def test_an_import_has_one_outcome(kept: Kept, tenant: str) -> None:
    """Whoever asks again under the same name is told what came of it, and nothing is done twice, whatever happened
    since; the name stands for these contents alone. A refusal is an outcome, but for want of room, which may come."""
    await kept.connect(tenant, SHOP)
    row = ("a", "", "A", False)
    first = await imported(kept, tenant, row, request_id="one")
    await kept.write(tenant, handlers.delete_listing, Named(Listing, ("shop", "a")))
    assert await imported(kept, tenant, row, request_id="one") == first
    with pytest.raises(RequestIdReused):
        await imported(kept, tenant, ("a", "", "B", False), request_id="one")
    assert (await exported(kept, tenant))[1] == []
    with pytest.raises(ListingsExhausted):
        await imported(kept, tenant, row, request_id="two", most=0)
    assert (await imported(kept, tenant, row, request_id="two")).object.added == 1
    with pytest.raises(ConnectionNotFound):
        await imported(kept, tenant, row, request_id="three", connection="other")
    await kept.connect(tenant, OTHER)
    with pytest.raises(Exception, match="There is no connection 'other'"):
        await imported(kept, tenant, row, request_id="three", connection="other")


async def test_imports_at_once(kept: Kept, tenant: str) -> None:
    """Several imports at once are taken one after the other, each whole; of one name, once."""
    await kept.connect(tenant, SHOP)
    rows = [[(f"{number} {place}", "", "A", False) for place in range(3)] for number in range(3)]
    done = await asyncio.gather(*(imported(kept, tenant, *each, request_id=str(rows.index(each))) for each in rows * 2))
    assert [each.object.added for each in done] == [3] * 6
    assert sorted(each.revision for each in done) == [2, 2, 3, 3, 4, 4]
    assert len((await exported(kept, tenant))[1]) == 9


async def test_imports_that_are_refused_change_nothing(kept: Kept, tenant: str) -> None:
    """Where a line is bad, or there would be too many, nothing changes; a check tells as much without a refusal of bad
    lines, and that a connection is not there."""
    await kept.connect(tenant, SHOP)
    row = ("a", "", "A", False)
    faults = Faults(200, [Fault(line, "sku", "Required.") for line in range(1, 201)])
    with pytest.raises(ListingsRefused) as refused:
        await imported(kept, tenant, row, faults=faults)
    assert [each.field for each in refused.value.violations] == [f"line {line}: sku" for line in range(1, 101)]
    assert refused.value.metadata == {"connection": "shop", "faults": "200"}
    assert await imported(kept, tenant, row, faults=faults, check=True) == Outcome(ListingsImported("shop"), 1)
    for check in (True, False):
        with pytest.raises(ListingsExhausted):
            await imported(kept, tenant, row, ("b", "", "A", False), most=1, check=check)
        with pytest.raises(ConnectionNotFound):
            await imported(kept, tenant, row, connection="nowhere", faults=faults, check=check)
    assert await exported(kept, tenant) == (1, [])
    await imported(kept, tenant, row, most=1)
    assert (await imported(kept, tenant, ("b", "", "A", False), most=1, replace=True)).object.removed == 1
    with pytest.raises(ConnectionNotFound):
        await exported(kept, tenant, "nowhere")


async def test_repeated_lines(kept: Kept, tenant: str) -> None:
    """Each line that names a SKU again is told with the line that named it first; lines without a SKU repeat none."""
    for first_line, store_skus in ((1, ["a", "b", "", "a"]), (5, ["", "b", "c", "a"])):
        columns = [""] * 4, ["A"] * 4, [False] * 4
        await kept.bulk.stage(tenant, "upload", Lines(first_line, store_skus, *columns))
    await kept.bulk.stage(tenant, "another", Lines(1, ["c"], [""], ["A"], [False]))
    assert await kept.bulk.repeated(tenant, "upload") == Faults(
        3,
        (
            Fault(4, "store_sku", "The same as in line 1."),
            Fault(6, "store_sku", "The same as in line 2."),
            Fault(8, "store_sku", "The same as in line 1."),
        ),
    )
    assert await kept.bulk.repeated(tenant, "nothing") == Faults()
    for upload in ("upload", "another"):
        await kept.bulk.drop(tenant, upload)
