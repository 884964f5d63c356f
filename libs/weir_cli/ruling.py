"""Policies and rules: what is tried in order, one sort like the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from weir.common.v1 import stock_pb2
from weir.partitioning.v1 import partitioning_service_pb2, policy_pb2
from weir.sync.v1 import rule_pb2, rule_service_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.paging import Listed, listed
from weir_cli.session import Answer, Session, changed
from weir_cli.sheets import spelt

PRODUCTS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two sorts: its words, where its calls go, and how it is shown."""

    name: str
    names: str
    service: str
    contract: Any
    table: Callable[[Sequence[Any]], RenderableType]
    detailed: Callable[[Any], list[RenderableType]]

    async def call(self, session: Session, verb: str, fields: Mapping[str, Any], *, many: bool = False) -> Any:
        """Call the method of this sort, such as Get of a policy: GetPolicy."""
        method = f"{verb}{(self.names if many else self.name).title()}"
        request = getattr(self.contract, f"{method}Request")(**fields)
        return await getattr(getattr(session, self.service), method)(request)

    def of(self, message: Any) -> Any:
        """The object that a message holds, or its identifier that an object holds."""
        return getattr(message, self.name)


async def every(session: Session, kind: Kind) -> Answer:
    """All of them, in the order in which they are tried."""
    found = await _all(session, kind)
    return Answer(found.document, [kind.table(found.found), *_warned(*found.found), found.footnote])


async def one(session: Session, kind: Kind, name: str) -> Answer:
    """One of them with all that it says."""
    response = await kind.call(session, "Get", {kind.name: name})
    found = kind.of(response)
    shown = [*kind.detailed(found), *_warned(found), tables.footnote(response.revision)]
    return Answer(document(response), shown)


async def add(session: Session, kind: Kind, made: Any, *, check: bool) -> Answer:
    """Add one of them."""
    fields = {kind.name: made, "request_id": session.change(), "validate_only": check}
    response = await kind.call(session, "Create", fields)
    return changed(session, response, [*kind.detailed(kind.of(response)), *_warned(kind.of(response))], check=check)


async def change(session: Session, kind: Kind, name: str, change: Callable[[Any], None], *, check: bool) -> Answer:
    """Replace what `change` sets; one that is so already is left alone, so that this may be repeated."""
    request_id = session.change()
    response = await kind.call(session, "Get", {kind.name: name})
    wanted = type(kind.of(response))()
    wanted.CopyFrom(kind.of(response))
    change(wanted)
    if wanted != kind.of(response):
        fields = {kind.name: wanted, "request_id": request_id, "validate_only": check}
        response = await kind.call(session, "Update", fields)
    return changed(session, response, [kind.table([kind.of(response)]), *_warned(kind.of(response))], check=check)


async def enable(session: Session, kind: Kind, name: str, *, enabled: bool, check: bool) -> Answer:
    """Let one of them count, or keep it without effect."""

    def switch(made: Any) -> None:
        made.disabled = not enabled

    return await change(session, kind, name, switch, check=check)


async def order(session: Session, kind: Kind, names: Sequence[str], *, check: bool) -> Answer:
    """Try these first, in this order; the others follow as they stand."""
    standing = [kind.of(each) for each in (await _all(session, kind)).found]
    whole = [*names, *(name for name in standing if name not in names)]
    request_id = session.change()
    response = await kind.call(
        session, "Reorder", {kind.names: whole, "request_id": request_id, "validate_only": check}, many=True
    )
    made = tables.table("#priority", kind.name)
    for priority, name in enumerate(whole, start=1):
        made.add_row(str(priority), name)
    return changed(session, response, [made], check=check)


async def remove(session: Session, kind: Kind, name: str, *, check: bool) -> Answer:
    """Take one of them away."""
    request_id = session.change()
    response = await kind.call(session, "Delete", {kind.name: name, "request_id": request_id, "validate_only": check})
    return changed(session, response, [Text(f"{kind.name.title()} {name} is gone.")], check=check)


async def _all(session: Session, kind: Kind) -> Listed:
    method = f"List{kind.names.title()}"
    asked = getattr(kind.contract, f"{method}Request")()
    found = await listed(getattr(getattr(session, kind.service), method), asked, kind.names)
    found.found.sort(key=lambda each: each.priority)
    return found


def _warned(*found: Any) -> list[Text]:
    """What about rules does not do what it seems to."""
    return [
        Text.assemble(("! ", "yellow"), (each.rule, "bold"), f": {warning.sentence}")
        for each in found
        for warning in getattr(each, "warnings", ())
    ]


def _policies(found: Sequence[policy_pb2.Policy]) -> RenderableType:
    made = tables.table("#priority", "policy", "strategy", "moves", "divides", "among", "")
    for each in found:
        among = ", ".join(part.channel_group for part in each.parts)
        made.add_row(
            str(each.priority), _name(each.policy, each.display_name), _strategy(each), _moves(each),
            _products(each.products), among or Text("all that are linked", style="dim"), _state(disabled=each.disabled),
        )  # fmt: skip
    return made


def _policy(found: policy_pb2.Policy) -> list[RenderableType]:
    numbers = ("weight", "percent", "minimum", "quantity", "protected_percent")
    used = [name for name in numbers if any(getattr(part, name) for part in found.parts)]
    capped = any(part.HasField("cap") for part in found.parts)
    headed = [f"#{name.removesuffix('_percent')}" for name in used]
    made = tables.table("channel group", "#rank", *headed, *(["#cap"] if capped else []))
    for part in found.parts:
        cap = [tables.number(part.cap, faint=False) if part.HasField("cap") else ""] if capped else []
        cells = [_number(part, name) for name in used]
        made.add_row(part.channel_group, tables.number(part.rank), *cells, *cap)
    return [_policies([found]), *([made] if found.parts else []), *_named(found.products)]


def _strategy(policy: policy_pb2.Policy) -> Text:
    said = word(policy, "strategy").lower().replace("_", " ")
    if policy.buffer_units:
        said += f", {policy.buffer_units:,} held back"
    if policy.buffer_percent:
        said += f", {policy.buffer_percent} % held back"
    if policy.strategy == policy_pb2.STRATEGY_DEMAND:
        said += f" of {tables.counted(policy.demand_days, 'day')}, damped {policy.damping_percent} %"
    return Text(said)


def _moves(policy: policy_pb2.Policy) -> Text:
    """How shares move: with every change of the supply, or from one division to the next."""
    if policy.mode != policy_pb2.POLICY_MODE_BALANCED:
        return Text("continuous, enforced" if policy.enforce else "continuous", style="" if policy.enforce else "dim")
    said = f"balanced, anew at {policy.threshold_percent} % left"
    if policy.HasField("rebalance_interval"):
        said += f" and every {spelt(policy.rebalance_interval.ToJsonString().removesuffix('s'))}"
    if policy.hysteresis_units > 1:
        said += f", of {tables.counted(policy.hysteresis_units, 'unit')} or more"
    return Text(said)


def _number(part: policy_pb2.PolicyPart, name: str) -> Text:
    number: int = getattr(part, name)
    return Text(f"{number} %") if number and name == "protected_percent" else tables.number(number)


def _rules(found: Sequence[rule_pb2.Rule]) -> RenderableType:
    made = tables.table("#priority", "rule", "tells", "of", "from", "#threshold", "offer", "first", "")
    for each in found:
        first = f"{each.priority_store} below {each.priority_quantity:,}" if each.priority_store else ""
        made.add_row(
            str(each.priority), _name(each.rule, each.display_name), ", ".join(each.stores), _products(each.products),
            ", ".join(each.warehouses) or Text("everywhere", style="dim"), tables.number(each.threshold), _offer(each),
            first, _state(disabled=each.disabled),
        )  # fmt: skip
    return made


def _rule(found: rule_pb2.Rule) -> list[RenderableType]:
    return [_rules([found]), *_named(found.products)]


def _offer(rule: rule_pb2.Rule) -> str:
    rate = rule.rate_percent if rule.HasField("rate_percent") else 100
    said = f"{rate} %"
    if rule.rounding in (rule_pb2.ROUNDING_UP, rule_pb2.ROUNDING_NEAREST):
        said += f" rounded {word(rule, 'rounding').lower().replace('nearest', 'to the nearest')}"
    return f"{said} {'+' if rule.constant > 0 else '-'} {abs(rule.constant):,}" if rule.constant else said


def _products(found: Sequence[stock_pb2.Product]) -> Text:
    return Text(tables.counted(len(found), "product")) if found else Text("every product", style="dim")


def _named(found: Sequence[stock_pb2.Product]) -> list[RenderableType]:
    """Products by name, the first ones."""
    if not found:
        return []
    said = Text(", ").join(tables.product(each.owner, each.sku) for each in found[:PRODUCTS_SHOWN])
    if len(found) > PRODUCTS_SHOWN:
        said.append(f" and {len(found) - PRODUCTS_SHOWN:,} more (--json prints all)", style="dim")
    return [said]


def _name(name: str, display_name: str) -> Text:
    return Text.assemble(name, (f"  {display_name}" if display_name else "", "dim"))


def _state(*, disabled: bool) -> Text:
    return Text("disabled", style="yellow") if disabled else Text("")


KINDS = {
    kind.name: kind
    for kind in (
        Kind("policy", "policies", "partitioning", partitioning_service_pb2, _policies, _policy),
        Kind("rule", "rules", "rules", rule_service_pb2, _rules, _rule),
    )
}
"""Both sorts, by the word for one."""
