"""What holds a level down, and which single changes would raise it.

A change is advised only where the whole computation, made once more with it, gives at least one unit more.
"""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from weir_allocation.cap import cap
from weir_allocation.configuration import Configuration
from weir_allocation.goods import Goods
from weir_allocation.offer import offer, rule_supply
from weir_allocation.pipeline import Question, Trace, conclude, looked_at, places
from weir_allocation.reach import Reach
from weir_allocation.rules import Rule
from weir_allocation.sharing import Link
from weir_allocation.split import split
from weir_allocation.stock import Product
from weir_allocation.supply import place
from weir_allocation.trace import Stage, Step, Subject, Verdict


class Lever(enum.Enum):
    """What is changed, in the order in which changes are advised: nearest to the level first."""

    SELL = enum.auto()
    """The store may sell the product."""
    MAX_QUANTITY = enum.auto()
    """Most units the store is told of."""
    STORES = enum.auto()
    """The rule names the store."""
    THRESHOLD = enum.auto()
    """Stock threshold of the rule."""
    PRIORITY_QUANTITY = enum.auto()
    """Supply below which the rule keeps everything for its priority store."""
    RATE = enum.auto()
    """Percentage of the rule; never advised above 100."""
    CONSTANT = enum.auto()
    """Constant of the rule; never advised above 0."""
    WAREHOUSES = enum.auto()
    """The rule names the location."""
    POLICY = enum.auto()
    """The product is not divided."""
    LINK_ACTIVE = enum.auto()
    """The link is active."""
    BUNDLE_FLAG = enum.auto()
    """Bundle flag of the link."""
    LINK_LOCATIONS = enum.auto()
    """The link lends at the location."""
    KEEP_BACK = enum.auto()
    """Units that stay with the source of the link."""
    STOCK = enum.auto()
    """More units of a product at a location."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change, and the level that it would bring about."""

    lever: Lever
    name: str
    """Identifier of what is changed: a store, a rule, a policy or a link; the location of STOCK."""
    units: int = 0
    """The number that the lever is set to, a percentage for RATE; units to add for STOCK."""
    location: str = ""
    product: Product | None = None
    """What STOCK is of; the source of a link."""
    level: int = 0
    """The level after the change."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Why a level is not higher."""

    binding: Stage
    """The last stage that would not let one more unit through; SUPPLY where units are all it takes, REACH where no
    location may serve the channel."""
    remedies: tuple[Remedy, ...]
    """Single changes that raise the level, nearest to it first; of each sort and subject the first location that does.
    Empty where it takes more than one, or a change of the network."""


def advise(question: Question) -> Advice:
    """What holds the level of a question down, and what would raise it."""
    reached, goods = looked_at(question)
    there = places(question.product, reached, question.configuration, goods)
    traced = conclude(question, reached, there)
    if question.channel.by_custody and reached.custodians is None:
        return Advice(Stage.REACH, ())
    remedies: dict[tuple[Lever, str, Product | None], Remedy] = {}
    for remedy, changed, served in _changes(question, reached, there, goods, traced):
        key = (remedy.lever, remedy.name, remedy.product)
        if key not in remedies:
            level = _level(replace(question, configuration=changed), remedy, served, there, goods)
            if level > traced.level:
                remedies[key] = replace(remedy, level=level)
    stocked = _stocked(question, reached, there, goods, traced.level)
    return Advice(_binding(question, reached, there, traced), (*remedies.values(), *stocked))


def _binding(question: Question, reached: Reach, there: Mapping[str, Step], traced: Trace) -> Stage:
    """The last stage where one unit more that goes in does not come out as a higher level."""
    channel, product, configuration = question.channel, question.product, question.configuration
    limits = configuration.limits_of(channel)
    if channel.by_custody:
        if cap(limits, channel.channel, product, traced.supply + 1).units_out <= traced.level:
            return Stage.CAP
        return Stage.SUPPLY if there else Stage.REACH
    _, supplied, shared, offered, _ = traced.steps
    if cap(limits, channel.channel, product, max(0, offered.units_out) + 1).units_out <= traced.level:
        return Stage.CAP
    if offer(configuration, channel, product, shared.units_out + 1, there).units_out <= max(0, offered.units_out):
        return Stage.OFFER
    if not reached.locations:
        return Stage.REACH
    for index, step in enumerate(supplied.steps):
        more = (*supplied.steps[:index], replace(step, units_out=step.units_out + 1), *supplied.steps[index + 1 :])
        supplied_more = replace(supplied, steps=more)
        if split(configuration, reached, product, supplied_more, question.shares).units_out > shared.units_out:
            return Stage.SUPPLY
    return Stage.SPLIT


Change = tuple[Remedy, Configuration, Product | None]
"""A change that may help, the configuration it makes, and what is served by more then, where the change is of a link.
"""


def _level(question: Question, remedy: Remedy, served: Product | None, there: Mapping[str, Step], goods: Goods) -> int:
    """The level after a change; what lies where is computed anew only where that can be more."""
    configuration, product = question.configuration, question.product
    if served is not None and remedy.product is not None:
        lying = [remedy.location] if remedy.location else goods.locations([remedy.product])
        more = {
            location: place(product, location, configuration.sharing, goods, _late_percent(question, location))
            for location in lying
            if location in there and _may_rise(question, there[location], frozenset([served]))
        }
        there = {**there, **more}
    return conclude(question, looked_at(question)[0], there).level


def _may_rise(question: Question, there: Step, served: frozenset[Product]) -> bool:
    """Whether a location could hold one more if there were more for what is served: the product, or components of it.

    One more bundle takes more of every component that alone allows no more than are put together.
    """
    if question.product in served:
        return True
    together = next((step for step in there.steps if step.subject is Subject.ASSEMBLY), None)
    if together is None:
        lacking = frozenset(_wanted(question)[1:])
    else:
        lacking = frozenset(
            part.product for part in together.steps if part.product is not None and part.units_out <= together.units_out
        )
    return lacking <= served


def _wanted(question: Question) -> tuple[Product, ...]:
    """The product, and the components that it can be put together from."""
    bundle = question.configuration.sharing.bundles.get(question.product)
    return (question.product, *(product for product, _ in bundle.parts)) if bundle else (question.product,)


def _changes(
    question: Question, reached: Reach, there: Mapping[str, Step], goods: Goods, traced: Trace
) -> Iterator[Change]:
    yield from _limits(question)
    rule = question.configuration.rule(question.product)
    if rule is not None and not question.channel.by_custody:
        for lever, units, location, changed in _rules(question, rule, reached, there, traced):
            rules = tuple(changed if each is rule else each for each in question.configuration.rules)
            yield Remedy(lever, rule.rule, units, location), replace(question.configuration, rules=rules), None
    if not question.channel.by_custody:
        yield from _policies(question)
    yield from _links(question, reached, goods)


def _limits(question: Question) -> Iterator[Change]:
    configuration, channel, product = question.configuration, question.channel, question.product
    limits = configuration.limits_of(channel)
    if not limits.permit(product):
        allowed = None if limits.allowed is None else limits.allowed | {product}
        selling = replace(limits, denied=limits.denied - {product}, allowed=allowed)
        yield (
            Remedy(Lever.SELL, channel.channel),
            replace(configuration, limits={**configuration.limits, channel.channel: selling}),
            None,
        )
    if limits.max_quantity is not None:
        more = replace(limits, max_quantity=limits.max_quantity + 1)
        yield (
            Remedy(Lever.MAX_QUANTITY, channel.channel, limits.max_quantity + 1),
            replace(configuration, limits={**configuration.limits, channel.channel: more}),
            None,
        )


def _rules(
    question: Question, rule: Rule, reached: Reach, there: Mapping[str, Step], traced: Trace
) -> Iterator[tuple[Lever, int, str, Rule]]:
    """What may be changed of the rule that wins: the lever, the number or the location, and the rule as it would be."""
    store, units = question.channel.channel, rule_supply(rule, there)
    if store not in rule.stores:
        yield Lever.STORES, 0, "", replace(rule, stores=rule.stores | {store})
    if units < rule.threshold:
        yield Lever.THRESHOLD, units, "", replace(rule, threshold=units)
    if rule.prefers and units < rule.priority_quantity:
        yield Lever.PRIORITY_QUANTITY, units, "", replace(rule, priority_quantity=units)
    now = rule.rounding.percent(traced.share, rule.rate_percent)
    higher = range(rule.rate_percent + 1, 101)
    rate = next((each for each in higher if rule.rounding.percent(traced.share, each) > now), None)
    if rate is not None:
        yield Lever.RATE, rate, "", replace(rule, rate_percent=rate)
    if rule.constant < 0:
        yield Lever.CONSTANT, rule.constant + 1, "", replace(rule, constant=rule.constant + 1)
    for location in sorted(there):
        if reached.verdict(location) is Verdict.OUTSIDE_RULE and there[location].units_out:
            yield Lever.WAREHOUSES, 0, location, replace(rule, warehouses=rule.warehouses | {location})


def _policies(question: Question) -> Iterator[Change]:
    policy = question.configuration.policy(question.product)
    if policy is not None:
        others = tuple(each for each in question.configuration.policies if not each.names(question.product))
        yield Remedy(Lever.POLICY, policy.policy), replace(question.configuration, policies=others), None


def _links(question: Question, reached: Reach, goods: Goods) -> Iterator[Change]:
    sharing = question.configuration.sharing
    for link in (link for product in _wanted(question) for link in sharing.links_to(product)):
        for lever, units, location, changed in _terms(link, sharing.verdict(link), reached, goods):
            remedy = Remedy(lever, link.link, units, location, link.source)
            after = sharing.changed(without_links=[link], links=[changed])
            yield remedy, replace(question.configuration, sharing=after), link.destination


def _terms(link: Link, verdict: Verdict, reached: Reach, goods: Goods) -> Iterator[tuple[Lever, int, str, Link]]:
    """What may be changed of a link: the lever, the number or the location, and the link as it would be."""
    if verdict is Verdict.LINK_INACTIVE:
        yield Lever.LINK_ACTIVE, 0, "", replace(link, active=True)
    if verdict is Verdict.BUNDLE_SHARING_OFF:
        yield Lever.BUNDLE_FLAG, 0, "", replace(link, bundles=True)
    if verdict is Verdict.COUNTED:
        for location in goods.locations([link.source]):
            if reached.verdict(location) is Verdict.COUNTED and not link.lends_at(location):
                yield Lever.LINK_LOCATIONS, 0, location, replace(link, locations=link.locations | {location})
        if link.keep_back:
            yield Lever.KEEP_BACK, link.keep_back - 1, "", replace(link, keep_back=link.keep_back - 1)


def _stocked(
    question: Question, reached: Reach, there: Mapping[str, Step], goods: Goods, level: int
) -> Iterator[Remedy]:
    """More units of each product that counts, at the first location where they raise the level.

    As few as make the location hold one more. Whether that helps is the same for all locations of a warehouse group
    that the rule looks at, and for those that it does not, so that it is computed once for each; and for all at which
    something in custody lies, where that decides.
    """
    rule = question.configuration.rule(question.product)
    levels: dict[tuple[str, bool], int] = {}
    helping: list[tuple[str, int]] = []
    for location in sorted(there if reached.custodians else reached.locations):
        ruled = rule is not None and location in rule.warehouses
        zone = ("", False) if reached.custodians else (reached.network.grouped[location], ruled)
        if zone not in levels:
            more = replace(there[location], units_out=there[location].units_out + 1)
            levels[zone] = conclude(question, reached, {**there, location: more}).level
        if levels[zone] > level:
            helping.append((location, levels[zone]))
    sharing, wanted = question.configuration.sharing, _wanted(question)
    for source in sharing.reads(question.product):
        served = frozenset(
            each for each in wanted if source in (each, *(link.source for link in sharing.links_to(each)))
        )
        for location, higher in helping:
            if not _may_rise(question, there[location], served):
                continue
            units = _fewest(question, there[location], goods, source)
            if units is not None:
                yield Remedy(Lever.STOCK, location, units, location, source, higher)
                break


def _fewest(question: Question, there: Step, goods: Goods, source: Product) -> int | None:
    """The fewest units of a product by which a location counts one more; None where that product alone does not help.

    One unit does it, or as many as the next bundle lacks, which are never more than a bundle of that product alone
    would take. Where the warehouse is late it takes so many more that one of them counts.
    """
    product, sharing, late_percent = (
        question.product,
        question.configuration.sharing,
        _late_percent(question, there.name),
    )
    if late_percent == 100:
        return None

    def raises(units: int) -> bool:
        more = goods.more(source, there.name, units)
        return place(product, there.name, sharing, more, late_percent).units_out > there.units_out

    most = -(-100 // (100 - late_percent))
    if source != product and product in sharing.bundles:
        together = sum(step.units_out for step in there.steps if step.subject is Subject.ASSEMBLY)
        most = (together + most) * sum(quantity for _, quantity in sharing.bundles[product].parts)
    return 1 + bisect_left(range(1, most), True, key=raises) if raises(most) else None


def _late_percent(question: Question, location: str) -> int:
    """How much of what lies at a location does not count because its warehouse is late."""
    return 0 if question.channel.by_custody else question.configuration.late.get(location, 0)
