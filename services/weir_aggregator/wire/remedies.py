"""Single changes that would raise a level, each in a sentence that a merchant understands."""

from __future__ import annotations

from weir_aggregator.wire.sentences import named
from weir_allocation.advice import Lever, Remedy

TEMPLATES = {
    Lever.SELL: "Letting '{name}' sell the product gives {gain} more.",
    Lever.MAX_QUANTITY: "A limit of {units} for '{name}' gives {gain} more.",
    Lever.STORES: "Naming the store in rule '{name}' gives {gain} more.",
    Lever.THRESHOLD: "A threshold of {units} in rule '{name}' gives {gain} more.",
    Lever.PRIORITY_QUANTITY: "A priority quantity of {units} in rule '{name}' gives {gain} more.",
    Lever.RATE: "A rate of {units} % in rule '{name}' gives {gain} more.",
    Lever.CONSTANT: "A constant of {units} in rule '{name}' gives {gain} more.",
    Lever.WAREHOUSES: "'{location}' among the warehouses of rule '{name}' gives {gain} more.",
    Lever.POLICY: "Policy '{name}' not dividing the product gives {gain} more.",
    Lever.LINK_ACTIVE: "Enabling the link from {product} gives {gain} more.",
    Lever.BUNDLE_FLAG: "Letting bundles share over the link from {product} gives {gain} more.",
    Lever.LINK_LOCATIONS: "Lending {product} at '{location}' too gives {gain} more.",
    Lever.KEEP_BACK: "Keeping {units} of {product} back gives {gain} more.",
    Lever.STOCK: "{many} more of {product} at '{location}' gives {gain} more.",
}


def advised(remedy: Remedy, level: int) -> str:
    """A change, and how far it would raise the level from where it is."""
    return TEMPLATES[remedy.lever].format(
        name=remedy.name,
        units=remedy.units,
        many="One" if remedy.units == 1 else remedy.units,
        location=remedy.location,
        product="" if remedy.product is None else named(remedy.product),
        gain=remedy.level - level,
    )
