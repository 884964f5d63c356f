"""Laws of listings: what SKUs are, what a change touches, and what goes out comes in again."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.kit.listings import SHOP, Kept, in_memory
from weir_chassis.idempotency import Attempt
from weir_sync.domain.imports import Fault, Faults, Import, Lines
from weir_sync.domain.listings import Carried, Listed, Listing, StoreSku, touched
from weir_sync.domain.rules import Product

SKUS, OWNERS = "ABCD", ("", "acme")
_numbers = itertools.count()

Rows = dict[str, tuple[str, str, bool]]

tables = st.dictionaries(
    st.sampled_from(SKUS), st.tuples(st.sampled_from(OWNERS), st.sampled_from(SKUS), st.booleans())
)
"""Listings of a shop, by its SKUs."""


def model(rows: Rows, owner: str) -> dict[str, Product]:
    """What each SKU is, in ten lines: what is listed, and what is neither listed nor has a SKU that is."""
    told = {store_sku: Product(of, sku) for store_sku, (of, sku, disabled) in rows.items() if not disabled}
    known = {(of, sku) for of, sku, _ in rows.values()}
    for sku in SKUS:
        if sku not in rows and (owner, sku) not in known:
            told[sku] = Product(owner, sku)
    return told


def listings(rows: Rows) -> list[Listing]:
    """The listings of a table."""
    return [Listing("shop", store_sku, *row) for store_sku, row in rows.items()]


@given(rows=tables, owner=st.sampled_from(OWNERS))
def test_skus_are_what_the_model_says(rows: Rows, owner: str) -> None:
    """Whatever is listed: both ways, SKUs and products are told as the model has them, each SKU is one product."""
    listed, expected = Listed(listings(rows)), model(rows, owner)
    for store_sku in SKUS:
        assert listed.product(StoreSku("shop", store_sku), owner=owner) == expected.get(store_sku)
    for product in itertools.starmap(Product, itertools.product(OWNERS, SKUS)):
        skus = tuple(sku for sku in SKUS if expected.get(sku) == product)
        assert listed.store_skus(Carried("shop", product), owner=owner) == skus


@given(rows=tables, owner=st.sampled_from(OWNERS), about=st.sets(st.sampled_from(SKUS), min_size=1))
def test_only_what_bears_on_a_question_is_needed(rows: Rows, owner: str, about: set[str]) -> None:
    """Answers are the same by the listings that have a SKU or a product that is asked about, and no others."""
    every = Listed(listings(rows))
    skus = Listed(
        each for each in listings(rows) if each.store_sku in about or each.product in {(owner, s) for s in about}
    )
    for sku in about:
        asked = StoreSku("shop", sku)
        assert skus.product(asked, owner=owner) == every.product(asked, owner=owner)
    for of, sku in itertools.product(OWNERS, about):
        carried = Carried("shop", Product(of, sku))
        bearing = Listed(each for each in listings(rows) if each.store_sku == sku or each.product == carried.product)
        assert bearing.store_skus(carried, owner=owner) == every.store_skus(carried, owner=owner)


@given(before=tables, store_sku=st.sampled_from(SKUS), after=tables)
def test_what_changes_is_touched(before: Rows, store_sku: str, after: Rows) -> None:
    """Where one listing becomes another, or comes or goes, every SKU that is another product then is touched."""
    changed = {**before}
    changed.pop(store_sku, None)
    if store_sku in after:
        changed[store_sku] = after[store_sku]
    was, is_now = (
        next((each for each in listings(rows) if each.store_sku == store_sku), None) for rows in (before, changed)
    )
    old, new = model(before, ""), model(changed, "")
    assert {sku for sku in SKUS if old.get(sku) != new.get(sku)} <= touched(was, is_now)


async def taken(kept: Kept, rows: list[Any], *, replace: bool = True, faults: Faults | None = None) -> Any:
    """What an import of these rows comes to."""
    upload = f"upload {next(_numbers)}"
    if rows:
        await kept.bulk.stage("acme", upload, Lines(1, *map(list, zip(*rows, strict=True))))
    repeated = (await kept.bulk.repeated("acme", upload)).joined(faults or Faults())
    wanted = Import("shop", upload, len(rows), replace, 9, repeated)
    checked = await kept.bulk.check("acme", wanted)
    try:
        done = await kept.bulk.take(Attempt("acme", "/import", upload, b""), wanted)
    except Exception as refusal:
        return type(refusal).__name__
    assert checked.object == done.object
    return done


async def there(kept: Kept) -> list[tuple[Any, ...]]:
    """All listings of the shop, as rows."""
    found = [each async for _, part in kept.bulk.export("acme", "shop") for each in part]
    return [(each.store_sku, each.owner, each.sku, each.disabled) for each in found]


@given(first=tables, second=tables, replace=st.booleans(), spoilt=st.booleans())
async def test_what_goes_out_comes_in_again(first: Rows, second: Rows, replace: bool, spoilt: bool) -> None:
    """What is exported is what was imported, importing it again changes nothing, and an import with a fault changes
    nothing; what is touched covers every SKU that is another product than before."""
    kept = in_memory()
    await kept.connect("acme", SHOP)
    await taken(kept, [(sku, *row) for sku, row in first.items()])
    assert await there(kept) == sorted((sku, *row) for sku, row in first.items())
    head = (await taken(kept, await there(kept))).revision
    await kept.listings.settle("acme", await kept.listings.touched("acme", limit=99))
    rows = [(sku, *row) for sku, row in second.items()]
    if spoilt:
        before = await there(kept)
        assert await taken(kept, [*rows, ("A", "", "A", False), ("A", "", "B", False)]) == "ListingsRefused"
        assert await taken(kept, rows, faults=Faults(1, [Fault(1, "sku", "bad")])) == "ListingsRefused"
        assert await there(kept) == before
    done = await taken(kept, rows, replace=replace)
    expected = second if replace else {**first, **second}
    assert await there(kept) == sorted((sku, *row) for sku, row in expected.items())
    assert done.revision - head == (expected != first)
    old, new = model(first, ""), model(expected, "")
    touches = {each.store_sku for each in await kept.listings.touched("acme", limit=99)}
    assert {sku for sku in SKUS if old.get(sku) != new.get(sku)} <= touches
    assert bool(touches) == (expected != first)
