"""Decide whether links between products and bundles may be changed, and what that changes; as `rules` does for places
and channels.

A bundle and a plain product cannot share, and bundles do not nest. Both are held whichever of the objects comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from weir_chassis.configuration.objects import Decision
from weir_chassis.configuration.rules import check_absent, deleted, existing, written
from weir_sharing.domain.objects import Bundle, Product, ProductLink
from weir_sharing.domain.rules import users
from weir_sharing.errors import BundleInUse, BundleKindMismatch, BundleNested, ProductLinkExists


def create_product_link(
    wanted: ProductLink, found: ProductLink | None, *, reverse: ProductLink | None, bundles: Collection[Product]
) -> Decision[ProductLink]:
    """Let one product be served from another; `reverse` is the link the other way, `bundles` those that are bundles.

    Raises ProductLinkExists, BundleKindMismatch.
    """
    check_absent(wanted, found)
    if reverse is not None and reverse.bidirectional:
        raise _exists(reverse)
    _check_one_way(wanted, reverse)
    if (wanted.source in bundles) != (wanted.destination in bundles):
        pair = (wanted.source, wanted.destination)
        bundle, plain = pair if wanted.source in bundles else pair[::-1]
        raise BundleKindMismatch(bundle, plain)
    return written(wanted, None)


def update_product_link(
    wanted: ProductLink, found: ProductLink | None, *, reverse: ProductLink | None
) -> Decision[ProductLink]:
    """Replace all of a link but its products; raises ProductLinkNotFound, EtagStale, ProductLinkExists."""
    current = existing(ProductLink, wanted.key, found, etag=wanted.etag)
    _check_one_way(wanted, reverse)
    return written(replace(wanted, created=current.created), current)


def delete_product_link(current: ProductLink) -> Decision[ProductLink]:
    """Stop a product from being served from another."""
    return deleted(current)


def create_bundle(
    wanted: Bundle,
    found: Bundle | None,
    *,
    bundles: Collection[Product],
    containing: Sequence[Bundle],
    links: Sequence[ProductLink],
) -> Decision[Bundle]:
    """Say what a product is put together from.

    `bundles` are those of its components that are bundles, `containing` the bundles that it is a component of, `links`
    those of it, all with plain products. Raises BundleExists, BundleNested, BundleKindMismatch.
    """
    check_absent(wanted, found)
    _check_flat(wanted, bundles)
    if containing:
        raise BundleNested(bundle=containing[0].product, component=wanted.product)
    for link in links:
        other = link.destination if link.source == wanted.product else link.source
        raise BundleKindMismatch(wanted.product, other)
    return written(wanted, None)


def update_bundle(wanted: Bundle, found: Bundle | None, *, bundles: Collection[Product]) -> Decision[Bundle]:
    """Replace the components of a bundle; raises BundleNotFound, EtagStale, BundleNested."""
    current = existing(Bundle, wanted.key, found, etag=wanted.etag)
    _check_flat(wanted, bundles)
    return written(wanted, current)


def delete_bundle(current: Bundle, links: Sequence[ProductLink]) -> Decision[Bundle]:
    """Make a bundle a plain product; raises BundleInUse if `links` join it to other bundles."""
    if links:
        named = [f"{link.source.sku} to {link.destination.sku}" for link in links]
        raise BundleInUse(users("product link", named), owner=current.owner, sku=current.sku)
    return deleted(current)


def _check_one_way(wanted: ProductLink, reverse: ProductLink | None) -> None:
    if wanted.bidirectional and reverse is not None:
        raise _exists(reverse)


def _exists(link: ProductLink) -> ProductLinkExists:
    return ProductLinkExists(**dict(zip(link.identity, link.key, strict=True)))


def _check_flat(bundle: Bundle, bundles: Collection[Product]) -> None:
    for component in bundle.components:
        if component.product in bundles:
            raise BundleNested(bundle=bundle.product, component=component.product)
