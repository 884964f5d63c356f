"""Links between products and bundles, over gRPC: what is answered, what is refused, and what serves a product now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.kit.merchant import Merchant, refused, request_id
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.sharing import Caller, Sharing, sharing
from weir.common.v1 import verdict_pb2
from weir.common.v1.revision_pb2 import Freshness, Revision
from weir.common.v1.stock_pb2 import Product
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir.sharing.v1 import network_pb2
from weir.sharing.v1 import sharing_service_pb2 as pb
from weir_chassis import status
from weir_chassis.errors import Kind

OWN, LINKED, ASSEMBLED = pb.Source.KIND_OWN, pb.Source.KIND_LINKED, pb.Source.KIND_ASSEMBLED


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sharing") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Sharing]:
    """A service on it, whose ledger is away."""
    async with sharing(database) as running:
        yield running


@pytest.fixture
def caller(service: Sharing, request: pytest.FixtureRequest) -> Caller:
    """A caller that nobody else is."""
    return service.caller(request.node.name)


def of(sku: str, owner: str = "") -> dict[str, str]:
    """A product."""
    return {"owner": owner, "sku": sku}


def linked(source: str, destination: str, **terms: Any) -> dict[str, Any]:
    """A link."""
    return {"source": of(source), "destination": of(destination), **terms}


def made_of(sku: str, **components: int) -> dict[str, Any]:
    """A bundle."""
    parts = [{"product": of(each), "quantity": quantity} for each, quantity in components.items()]
    return {"product": of(sku), "components": parts}


async def test_a_link_is_kept_as_it_was_made(caller: Caller) -> None:
    """Created, read, listed by either end, changed under its etag, exported and removed, each as asked."""
    terms = {"locations": ["B", "A"], "priority": 3, "keep_back": 2, "shares_bundles": True, "bidirectional": True}
    made = (await caller.do("CreateProductLink", product_link=linked("OLD", "BIKE", **terms))).product_link
    assert (list(made.locations), made.created_revision, made.etag) == (["A", "B"], 1, "1")
    found = await caller.do("GetProductLink", source=of("OLD"), destination=of("BIKE"))
    assert found.product_link == made
    for filters in ({}, {"source": of("OLD")}, {"destination": of("BIKE")}):
        assert list((await caller.do("ListProductLinks", **filters)).product_links) == [made]
    assert not (await caller.do("ListProductLinks", source=of("BIKE"))).product_links
    changed = linked("OLD", "BIKE", disabled=True, etag=made.etag)
    after = (await caller.do("UpdateProductLink", product_link=changed)).product_link
    assert (after.disabled, after.priority, after.created_revision, after.etag) == (True, 0, 1, "2")
    assert (await caller.refused("UpdateProductLink", product_link=changed)).reason == "ETAG_STALE"
    assert list((await caller.export())[1].values()) == [after]
    await caller.do("DeleteProductLink", source=of("OLD"), destination=of("BIKE"), etag=after.etag)
    gone = await caller.refused("GetProductLink", source=of("OLD"), destination=of("BIKE"))
    assert (gone.kind, gone.reason) == (Kind.UNKNOWN, "PRODUCT_LINK_NOT_FOUND")


async def test_a_bundle_is_kept_as_it_was_made(caller: Caller) -> None:
    """Created, read, listed by component, changed and removed; its components are answered in order."""
    made = (await caller.do("CreateBundle", bundle=made_of("TOUR", LAMP=2, BIKE=1))).bundle
    assert [(each.product.sku, each.quantity) for each in made.components] == [("BIKE", 1), ("LAMP", 2)]
    assert (await caller.do("GetBundle", product=of("TOUR"))).bundle == made
    assert list((await caller.do("ListBundles", component=of("LAMP"))).bundles) == [made]
    assert not (await caller.do("ListBundles", component=of("TOUR"))).bundles
    after = (await caller.do("UpdateBundle", bundle=made_of("TOUR", BIKE=3))).bundle
    assert not (await caller.do("ListBundles", component=of("LAMP"))).bundles
    await caller.do("DeleteBundle", product=of("TOUR"), etag=after.etag)
    assert (await caller.refused("GetBundle", product=of("TOUR"))).reason == "BUNDLE_NOT_FOUND"


async def test_repeating_a_request_changes_nothing_more(caller: Caller) -> None:
    """The first outcome is answered again, a link with its etag and creation, a refusal with its reason."""
    asked = {"product_link": linked("OLD", "BIKE"), "request_id": "one"}
    first = await caller.do("CreateProductLink", **asked)
    await caller.do("DeleteProductLink", source=of("OLD"), destination=of("BIKE"))
    assert await caller.do("CreateProductLink", **asked) == first
    missing = {"source": of("OLD"), "destination": of("BIKE"), "request_id": "two"}
    assert (await caller.refused("DeleteProductLink", **missing)).reason == "PRODUCT_LINK_NOT_FOUND"
    await caller.do("CreateProductLink", product_link=linked("OLD", "BIKE"))
    assert (await caller.refused("DeleteProductLink", **missing)).reason == "PRODUCT_LINK_NOT_FOUND"


# What is refused where OLD serves BIKE both ways, TOUR is made of BIKE, and the bundles PAIR and TRIO are linked.
REFUSED: list[tuple[str, dict[str, Any], Kind, str, dict[str, str]]] = [
    (
        "CreateProductLink",
        {"product_link": linked("OLD", "BIKE")},
        Kind.TAKEN,
        "PRODUCT_LINK_EXISTS",
        {"source_owner": "", "source_sku": "OLD", "destination_owner": "", "destination_sku": "BIKE"},
    ),
    (
        "CreateProductLink",
        {"product_link": linked("BIKE", "OLD")},
        Kind.TAKEN,
        "PRODUCT_LINK_EXISTS",
        {"source_owner": "", "source_sku": "OLD", "destination_owner": "", "destination_sku": "BIKE"},
    ),
    (
        "CreateProductLink",
        {"product_link": linked("BIKE", "TOUR")},
        Kind.UNMET,
        "BUNDLE_KIND_MISMATCH",
        {"bundle_owner": "", "bundle_sku": "TOUR", "product_owner": "", "product_sku": "BIKE"},
    ),
    (
        "CreateBundle",
        {"bundle": made_of("OLD", LAMP=1)},
        Kind.UNMET,
        "BUNDLE_KIND_MISMATCH",
        {"bundle_owner": "", "bundle_sku": "OLD", "product_owner": "", "product_sku": "BIKE"},
    ),
    (
        "CreateBundle",
        {"bundle": made_of("BOX", TOUR=1)},
        Kind.UNMET,
        "BUNDLE_NESTED",
        {"bundle_owner": "", "bundle_sku": "BOX", "component_owner": "", "component_sku": "TOUR"},
    ),
    (
        "CreateBundle",
        {"bundle": made_of("PART", LAMP=1)},
        Kind.UNMET,
        "BUNDLE_NESTED",
        {"bundle_owner": "", "bundle_sku": "TOUR", "component_owner": "", "component_sku": "PART"},
    ),
    ("CreateBundle", {"bundle": made_of("TOUR", LAMP=1)}, Kind.TAKEN, "BUNDLE_EXISTS", {"owner": "", "sku": "TOUR"}),
    (
        "DeleteBundle",
        {"product": of("PAIR")},
        Kind.UNMET,
        "BUNDLE_IN_USE",
        {"owner": "", "sku": "PAIR", "used_by": "product link PAIR to TRIO"},
    ),
]


async def test_what_would_break_a_rule_is_refused_with_its_numbers(caller: Caller) -> None:
    """Self links, duplicates, links of a bundle and a plain product, nested bundles: each is refused by name, whichever
    object came first, and nothing is changed.
    """
    await caller.do("CreateProductLink", product_link=linked("OLD", "BIKE", bidirectional=True))
    for bundle in (made_of("TOUR", PART=1), made_of("PAIR", LAMP=2), made_of("TRIO", LAMP=3)):
        await caller.do("CreateBundle", bundle=bundle)
    await caller.do("CreateProductLink", product_link=linked("PAIR", "TRIO"))
    before = await caller.export()
    for method, fields, kind, reason, metadata in REFUSED:
        told = await caller.refused(method, **fields)
        assert (told.kind, told.reason, dict(told.metadata)) == (kind, reason, metadata), (method, fields)
    assert await caller.export() == before


@pytest.mark.parametrize(
    ("method", "fields", "named"),
    [
        ("CreateProductLink", {"product_link": linked("BIKE", "BIKE")}, "product_link.destination"),
        ("CreateBundle", {"bundle": made_of("TOUR", TOUR=1)}, "bundle.components"),
        ("CreateBundle", {"bundle": made_of("TOUR", BIKE=0)}, "bundle.components[0].quantity"),
        ("CreateBundle", {"bundle": made_of("TOUR")}, "bundle.components"),
    ],
)
async def test_what_cannot_be_meant_is_malformed(caller: Caller, method: str, fields: Any, named: str) -> None:
    """A link of a product with itself, a bundle of itself, of nothing, or with none of a component: the field is
    named.
    """
    told = await caller.refused(method, **fields)
    assert (told.kind, [each.field for each in told.violations]) == (Kind.MALFORMED, [named])


async def test_followers_are_told_of_links_and_bundles(caller: Caller) -> None:
    """An export has every object after those it refers to, bundles before links; a watch tells each as it changes."""
    await caller.do("CreateProductLink", product_link=linked("PAIR", "TRIO"))
    for sku in ("PAIR", "TRIO"):
        refusal = await caller.refused("CreateBundle", bundle=made_of(sku, LAMP=2))
        assert refusal.reason == "BUNDLE_KIND_MISMATCH"
    await caller.do("DeleteProductLink", source=of("PAIR"), destination=of("TRIO"))
    for sku in ("PAIR", "TRIO"):
        await caller.do("CreateBundle", bundle=made_of(sku, LAMP=2))
    await caller.do("CreateProductLink", product_link=linked("PAIR", "TRIO"))
    assert [kind for kind, *_ in (await caller.export())[1]] == ["bundle", "bundle", "product_link"]
    watch = caller.stream("WatchNetwork")
    told = [(await watch.read()).changes for _ in range(5)]
    watch.cancel()
    assert [(each.WhichOneof("object"), each.deleted) for (each,) in told] == [
        ("product_link", False),
        ("product_link", True),
        ("bundle", False),
        ("bundle", False),
        ("product_link", False),
    ]


async def test_without_the_ledger_sources_are_not_known(caller: Caller) -> None:
    """Where the ledger is away nothing is guessed: the caller is told to come again."""
    told = await caller.refused("ListSources", product=of("BIKE"))
    assert (told.kind, told.reason) == (Kind.AWAY, "PEER_AWAY")


async def lot(merchant: Merchant, sku: str, name: str, days: int) -> None:
    """Say that a lot can be sold for so many days from today on, fewer than none if it could until lately."""
    day = (datetime.now(UTC).date() + timedelta(days=days)).isoformat()
    known = ledger_pb2.Lot(product=Product(sku=sku), lot=name, expiry_date=day)
    done = await merchant.stubs.ledger.SetLot(ledger_service_pb2.SetLotRequest(request_id=request_id(), lot=known))
    merchant.saw(done.revision)


async def link(merchant: Merchant, source: str, destination: str, **terms: Any) -> None:
    """Let one product be served from another."""
    made = network_pb2.ProductLink(source=Product(sku=source), destination=Product(sku=destination), **terms)
    request = pb.CreateProductLinkRequest(request_id=request_id(), product_link=made)
    merchant.saw((await merchant.stubs.sharing.CreateProductLink(request)).revision)


async def test_sources_come_in_serving_order_with_what_they_hold(merchant: Merchant) -> None:
    """Own stock, then links by priority, then what can be put together; each with its places, lots and reasons."""
    await merchant.location("DE1", "DE2")
    sharing = merchant.stubs.sharing
    bundle = network_pb2.Bundle(**made_of("TOUR", BIKE=1, LAMP=2))
    await sharing.CreateBundle(pb.CreateBundleRequest(request_id=request_id(), bundle=bundle))
    await link(merchant, "OLD", "BIKE", priority=2, keep_back=1)
    await link(merchant, "NEW", "BIKE", priority=1, disabled=True)
    for sku, quantities in {
        "BIKE": {"DE1": 1},
        "OLD": {"DE1": 3, "DE2": 1},
        "LAMP": {"DE1": 9},
        "NEW": {"DE2": 4},
    }.items():
        await merchant.receive(sku, **quantities)
    found = await sharing.ListSources(
        pb.ListSourcesRequest(product=Product(sku="BIKE"), freshness=merchant.freshness("ledger", "sharing"))
    )
    assert [each.context for each in found.revisions] == ["sharing", "ledger"]
    assert [(each.kind, each.product.sku, each.held, each.units) for each in found.sources] == [
        (OWN, "BIKE", 1, 1),
        (LINKED, "NEW", 4, 0),
        (LINKED, "OLD", 4, 2),
    ]
    own, new, old = found.sources
    assert (own.HasField("product_link"), new.product_link.priority) == (False, 1)
    assert new.verdict == verdict_pb2.VERDICT_LINK_INACTIVE
    assert [(each.location, each.held, each.units, each.verdict) for each in old.places] == [
        ("DE1", 3, 2, verdict_pb2.VERDICT_COUNTED),
        ("DE2", 1, 0, verdict_pb2.VERDICT_KEPT_BACK),
    ]
    tour = (await sharing.ListSources(pb.ListSourcesRequest(product=Product(sku="TOUR")))).sources
    assert [(each.kind, each.units) for each in tour] == [(OWN, 0), (ASSEMBLED, 3)]


async def test_lots_serve_by_their_last_day(merchant: Merchant) -> None:
    """Lots come earliest expiry first; one that is over does not count, and says so where it is asked for."""
    await merchant.location("DE1")
    for name, days in (("late", 9), ("soon", 0), ("over", -1)):
        await lot(merchant, "MILK", name, days)
    for name in ("late", "soon", "over", "plain"):
        await merchant.record(ledger_pb2.ENTRY_KIND_RECEIVE, "MILK", "DE1", 5, lot=name)
    asked = pb.ListSourcesRequest(product=Product(sku="MILK"), freshness=merchant.freshness("ledger"))
    (own,) = (await merchant.stubs.sharing.ListSources(asked)).sources
    assert (own.units, list(own.places[0].lots)) == (15, ["soon", "late", "plain"])
    asked.lot = "over"
    (own,) = (await merchant.stubs.sharing.ListSources(asked)).sources
    assert (own.units, own.verdict) == (0, verdict_pb2.VERDICT_EXPIRED)


async def test_sources_come_in_pages(merchant: Merchant) -> None:
    """Whatever the size of a page, each source comes once and in order; the books are read whole each time."""
    await merchant.location("DE1")
    for number in range(7):
        await link(merchant, f"S{number}", "BIKE", priority=number % 2)
        await merchant.receive(f"S{number}", DE1=number + 1)
    asked = pb.ListSourcesRequest(product=Product(sku="BIKE"), freshness=merchant.freshness("ledger", "sharing"))
    whole = list((await merchant.stubs.sharing.ListSources(asked)).sources)
    assert [each.product.sku for each in whole] == ["BIKE", "S0", "S2", "S4", "S6", "S1", "S3", "S5"]
    asked.page_size = 3
    pages: list[pb.ListSourcesResponse] = []
    while not pages or pages[-1].next_page_token:
        asked.page_token = pages[-1].next_page_token if pages else ""
        pages.append(await merchant.stubs.sharing.ListSources(asked))
    assert [each for page in pages for each in page.sources] == whole
    assert [len(page.sources) for page in pages] == [3, 3, 2]


async def test_revisions_of_either_context_are_held(merchant: Merchant) -> None:
    """A revision that the ledger, or the network, has not drawn is refused by the one that would have drawn it."""
    await merchant.location("DE1")
    await merchant.receive("BIKE", DE1=1)
    await link(merchant, "OLD", "BIKE")
    for context in ("ledger", "sharing"):
        seen = merchant.seen[context]
        ahead = Revision(context=context, cluster=seen.cluster, epoch=seen.epoch, number=seen.number + 1000)
        asked = pb.ListSourcesRequest(product=Product(sku="BIKE"), freshness=Freshness(at_least=[ahead]))
        told = status.told(await refused(merchant.stubs.sharing.ListSources(asked)))
        assert told is not None
        assert (told.reason, told.metadata["context"]) == ("REVISION_AHEAD", context)
