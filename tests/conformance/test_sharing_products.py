"""Links between products and bundles behind the port `Networks`, in memory and on Postgres."""

from __future__ import annotations

from tests.kit.network import write
from weir_chassis.configuration.objects import Named
from weir_sharing import handlers
from weir_sharing.domain import Bundle, Component, Product, ProductLink
from weir_sharing.ports import Networks

LINK = ProductLink("", "TV-1", "", "SPACE-1", True, ("DE1", "DE2"), 3, 2, shares_bundles=True, disabled=True)
TOUR = Bundle("", "TOUR", (Component("", "BATTERY", 2), Component("", "BIKE", 1)))


async def test_what_is_written_is_read(networks: Networks, tenant: str) -> None:
    """Links and bundles come back as they were written, a link with the revision that created it however often it
    changes."""
    await write(networks, handlers.create_bundle, TOUR, tenant=tenant)
    await write(networks, handlers.create_product_link, LINK, tenant=tenant)
    other = ProductLink("", "TV-1", "", "SPACE-1")
    await write(networks, handlers.update_product_link, other, tenant=tenant)
    async with networks.reading(tenant) as network:
        assert await network.select(Bundle) == [TOUR]
        (link,) = await network.select(ProductLink)
        assert (link, link.created, link.etag) == (other, 2, "3")
    smaller = Bundle("", "TOUR", (Component("", "BIKE", 1),))
    await write(networks, handlers.update_bundle, smaller, tenant=tenant)
    async with networks.reading(tenant) as network:
        assert await network.get(Bundle, TOUR.key) == smaller
    await write(networks, handlers.delete_bundle, Named(Bundle, TOUR.key), tenant=tenant)
    await write(networks, handlers.delete_product_link, Named(ProductLink, LINK.key), tenant=tenant)
    async with networks.reading(tenant) as network:
        assert await network.select(Bundle) == []
        assert await network.select(ProductLink) == []


async def test_every_field_of_a_link_is_kept(networks: Networks, tenant: str) -> None:
    """A link is stored with all that it says, and told to watchers so."""
    await write(networks, handlers.create_product_link, LINK, tenant=tenant)
    async with networks.reading(tenant) as network:
        assert await network.get(ProductLink, LINK.key) == LINK
    (commit,) = (await networks.history(tenant, after=0, limit=9)).commits
    (change,) = commit.changes
    assert change.object == LINK


async def test_objects_are_found_by_their_products(networks: Networks, tenant: str) -> None:
    """Links by either end, bundles by any component, and which of some products are bundles."""
    for source, destination in (("A", "B"), ("A", "C"), ("B", "C")):
        link = ProductLink("acme", source, "", destination)
        await write(networks, handlers.create_product_link, link, tenant=tenant)
    for sku, parts in (("X", ("P", "Q")), ("Y", ("Q",))):
        bundle = Bundle("acme", sku, tuple(Component("", part, 1) for part in parts))
        await write(networks, handlers.create_bundle, bundle, tenant=tenant)
    async with networks.reading(tenant) as network:
        from_a = await network.select(ProductLink, {"source_owner": "acme", "source_sku": "A"})
        assert [each.destination_sku for each in from_a] == ["B", "C"]
        to_c = await network.select(ProductLink, {"destination_owner": "", "destination_sku": "C"})
        assert [each.source_sku for each in to_c] == ["A", "B"]
        assert [each.sku for each in await network.select(Bundle, {"component": ("", "Q")})] == ["X", "Y"]
        assert [each.sku for each in await network.select(Bundle, {"component": ("", "P")}, limit=1)] == ["X"]
        assert await network.select(Bundle, {"component": ("acme", "Q")}) == []
        asked = [Product("acme", "X"), Product("", "X"), Product("", "Q")]
        assert set(await network.bundles(asked)) == {Product("acme", "X")}
        assert not await network.bundles([])


async def test_links_are_found_by_the_demand_that_they_serve(networks: Networks, tenant: str) -> None:
    """Those to any of the products, and those from them that go both ways; however many products are asked about."""
    links = [
        ProductLink("", "A", "", "B"),
        ProductLink("", "B", "", "C", bidirectional=True),
        ProductLink("acme", "A", "", "C"),
    ]
    for link in links:
        await write(networks, handlers.create_product_link, link, tenant=tenant)
    async with networks.reading(tenant) as network:
        assert await network.serving([Product("", "A")]) == []
        assert await network.serving([Product("", "B")]) == links[:2]
        assert await network.serving([Product("", "C")]) == links[1:]
        many = [Product("", f"P {number}") for number in range(40_000)]
        assert await network.serving([*many, Product("", "C"), Product("", "B")]) == links
        assert await network.serving([]) == []
        assert await network.bundles(many) == set()
