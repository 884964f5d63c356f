"""The rules of product links and bundles as tables: what each decision changes, and what each refusal tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from weir_chassis.configuration.objects import Decision
from weir_chassis.configuration.rules import stamped
from weir_chassis.errors import Refusal
from weir_sharing.domain import Bundle, Component, Product, ProductLink, products

A, B, C = (Product("", sku) for sku in "ABC")
LINK, BACK = ProductLink("", "A", "", "B"), ProductLink("", "B", "", "A")
BOTH = replace(LINK, bidirectional=True)
BUNDLE = Bundle("", "A", (Component("", "C", 2),))
OTHER = Bundle("", "B", (Component("", "A", 1),))


def told(decision: Decision[Any]) -> list[tuple[Any, bool]]:
    """The changes of a decision: what, and whether it goes."""
    return [(change.object, change.deleted) for change in decision.changes]


@pytest.mark.parametrize(
    ("decide", "changes"),
    [
        (lambda: products.create_product_link(LINK, None, reverse=None, bundles=()), [(LINK, False)]),
        (lambda: products.create_product_link(LINK, None, reverse=BACK, bundles=()), [(LINK, False)]),
        (lambda: products.create_product_link(LINK, None, reverse=None, bundles={A, B}), [(LINK, False)]),
        (lambda: products.update_product_link(BOTH, LINK, reverse=None), [(BOTH, False)]),
        (lambda: products.update_product_link(LINK, LINK, reverse=BACK), []),
        (lambda: products.delete_product_link(LINK), [(LINK, True)]),
        (lambda: products.create_bundle(BUNDLE, None, bundles=(), containing=(), links=()), [(BUNDLE, False)]),
        (lambda: products.update_bundle(BUNDLE, BUNDLE, bundles=()), []),
        (lambda: products.delete_bundle(BUNDLE, ()), [(BUNDLE, True)]),
    ],
)
def test_what_is_allowed_and_what_it_changes(
    decide: Callable[[], Decision[Any]], changes: list[tuple[Any, bool]]
) -> None:
    """Each decision changes just what it must, and nothing if all is as asked."""
    assert told(decide()) == changes


@pytest.mark.parametrize(
    ("decide", "reason"),
    [
        (lambda: products.create_product_link(LINK, LINK, reverse=None, bundles=()), "PRODUCT_LINK_EXISTS"),
        (
            lambda: products.create_product_link(LINK, None, reverse=replace(BACK, bidirectional=True), bundles=()),
            "PRODUCT_LINK_EXISTS",
        ),
        (lambda: products.create_product_link(BOTH, None, reverse=BACK, bundles=()), "PRODUCT_LINK_EXISTS"),
        (lambda: products.create_product_link(LINK, None, reverse=None, bundles={A}), "BUNDLE_KIND_MISMATCH"),
        (lambda: products.create_product_link(LINK, None, reverse=None, bundles={B}), "BUNDLE_KIND_MISMATCH"),
        (lambda: products.update_product_link(BOTH, LINK, reverse=BACK), "PRODUCT_LINK_EXISTS"),
        (lambda: products.update_product_link(LINK, None, reverse=None), "PRODUCT_LINK_NOT_FOUND"),
        (lambda: products.update_product_link(replace(LINK, etag="7"), LINK, reverse=None), "ETAG_STALE"),
        (lambda: products.create_bundle(BUNDLE, BUNDLE, bundles=(), containing=(), links=()), "BUNDLE_EXISTS"),
        (lambda: products.create_bundle(BUNDLE, None, bundles={C}, containing=(), links=()), "BUNDLE_NESTED"),
        (lambda: products.create_bundle(BUNDLE, None, bundles=(), containing=[OTHER], links=()), "BUNDLE_NESTED"),
        (
            lambda: products.create_bundle(BUNDLE, None, bundles=(), containing=(), links=[LINK]),
            "BUNDLE_KIND_MISMATCH",
        ),
        (lambda: products.update_bundle(BUNDLE, None, bundles=()), "BUNDLE_NOT_FOUND"),
        (lambda: products.update_bundle(BUNDLE, BUNDLE, bundles={C}), "BUNDLE_NESTED"),
        (lambda: products.delete_bundle(BUNDLE, [LINK]), "BUNDLE_IN_USE"),
    ],
)
def test_what_is_refused(decide: Callable[[], Decision[Any]], reason: str) -> None:
    """Each broken rule is refused for its reason."""
    with pytest.raises(Refusal) as refused:
        decide()
    assert refused.value.reason == reason


def test_the_mismatch_names_the_bundle_and_the_plain_product() -> None:
    """Whichever end of the link is the bundle."""
    for bundles, bundle, plain in (({A}, "A", "B"), ({B}, "B", "A")):
        with pytest.raises(Refusal) as refused:
            products.create_product_link(LINK, None, reverse=None, bundles=bundles)
        assert (refused.value.metadata["bundle_sku"], refused.value.metadata["product_sku"]) == (bundle, plain)


def test_a_link_keeps_the_revision_that_created_it() -> None:
    """The first revision stays with the link through every change: it is its place among links of one priority."""
    made = stamped(products.create_product_link(LINK, None, reverse=None, bundles=()), 7).object
    assert (made.created, made.etag) == (7, "7")
    changed = stamped(products.update_product_link(replace(LINK, priority=5), made, reverse=None), 9).object
    assert (changed.created, changed.etag, changed.priority) == (7, "9", 5)
