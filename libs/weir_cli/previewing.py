"""What a folder would change of what stores are told, if it were loaded; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from weir.aggregator.v1 import availability_service_pb2 as contract
from weir.partitioning.v1 import policy_pb2
from weir.sharing.v1 import network_pb2
from weir.sync.v1 import rule_pb2
from weir_cli import tables
from weir_cli.documents import Document, document
from weir_cli.loading import faulty
from weir_cli.merchant.arranging import arrangement
from weir_cli.merchant.folder import read_folder
from weir_cli.merchant.rules import faults
from weir_cli.merchant.state import State, Step
from weir_cli.merchant.values import FILES, PEOPLE, STOCK, FolderFaults
from weir_cli.options import USAGE
from weir_cli.selling import level
from weir_cli.session import Answer, Session
from weir_cli.surveying import survey

CHANGES_MAX = 1000
LOOKED_AT = tuple(name for name in FILES if name not in (*PEOPLE, STOCK))
"""Files of a folder that say what stores are told."""
Difference = tuple[str, str, str, int, int]
"""Owner, stock keeping unit, channel, and the level before and after."""


async def preview(
    session: Session, path: Path, channels: Sequence[str], *, owner: str | None, limit: int, fresh: bool
) -> Answer:
    """The levels that would differ after `weir load` of a folder, or of one of its files; `limit` bounds the table."""
    try:
        steps, state = await _arranged(session, path)
    except FolderFaults as wrong:
        return faulty(wrong)
    changes = changes_of(steps, state)
    if not changes:
        told: Document = {"changes": [], "differences": [], "summary": None, "notes": []}
        return Answer(told, [Text("Nothing would be configured otherwise.", style="dim")])
    if len(changes) > CHANGES_MAX:
        told = {"changes": len(changes), "changes_max": CHANGES_MAX}
        said = f"{len(changes):,} objects would be otherwise; a preview takes {CHANGES_MAX:,}: preview single files."
        return Answer(told, [Text(said, style="bold red")], USAGE)
    asked = contract.PreviewChangeRequest(
        changes=changes, channels=channels, owner=owner, freshness=await session.freshness(fresh)
    )
    found: list[Difference] = []
    summary = contract.PreviewSummary()
    async for part in session.availability.PreviewChange(asked, timeout=session.options.deadline_seconds):
        found += zip(part.owners, part.skus, part.channels, part.before, part.after, strict=True)
        if part.HasField("summary"):
            summary = part.summary
    return _told(steps, found, summary, limit=limit)


async def _arranged(session: Session, path: Path) -> tuple[list[Step], State]:
    """What loading it would do to the configuration. Raises FolderFaults."""
    folder, files = _named(path)
    merchant, found = read_folder(folder, files)
    state = await survey(session, merchant.tables)
    found += faults(merchant, state.known())
    if found:
        raise FolderFaults(found)
    return arrangement(merchant, state), state


def _named(path: Path) -> tuple[Path, Sequence[str]]:
    """The folder, and the files of it that are meant."""
    return (path.parent, [path.name]) if path.name in LOOKED_AT and not path.is_dir() else (path, LOOKED_AT)


def changes_of(steps: Sequence[Step], state: State) -> list[contract.ConfigurationChange]:
    """Every object that the steps make or change, as it would be in the end; what the ledger holds is none of them."""
    made: dict[tuple[str, str], list[contract.ConfigurationChange]] = {}
    for step in steps:
        made[step.subject, step.name] = list(_changes(step.request))
    changes = [change for each in made.values() for change in each]
    _place([change.partitioning.policy for change in changes if change.HasField("partitioning")], state.policies)
    _place([change.rules.rule for change in changes if change.rules.HasField("rule")], state.rules)
    return changes


def _changes(request: Any) -> Iterator[contract.ConfigurationChange]:
    """The object that a request makes or changes; before a channel the channel group that is made with it."""
    for field in request.DESCRIPTOR.fields:
        if field.name not in _PARTS:
            continue
        change = contract.ConfigurationChange()
        thing = getattr(getattr(change, _PARTS[field.name]), field.name)
        thing.CopyFrom(getattr(request, field.name))
        if isinstance(thing, network_pb2.Channel) and not thing.channel_group:
            thing.channel_group = thing.channel
            own = network_pb2.ChannelGroup(
                channel_group=thing.channel, display_name=thing.display_name, own_channel=thing.channel
            )
            yield contract.ConfigurationChange(network=network_pb2.NetworkChange(channel_group=own))
        yield change


_PARTS = {
    field.name: part
    for part, change in (
        ("network", network_pb2.NetworkChange),
        ("partitioning", policy_pb2.PartitioningChange),
        ("rules", rule_pb2.RulesChange),
    )
    for field in change.DESCRIPTOR.oneofs_by_name["object"].fields
}
"""The part of a change that holds each sort of object, by the name that object has in requests too."""


def _place(changed: Sequence[Any], standing: Mapping[str, Any]) -> None:
    """Give those without a priority their place: after all others."""
    last = max([0, *(each.priority for each in standing.values()), *(each.priority for each in changed)])
    for each in changed:
        if not each.priority:
            last += 1
            each.priority = last


def _told(
    steps: Sequence[Step], found: Sequence[Difference], summary: contract.PreviewSummary, *, limit: int
) -> Answer:
    made = tables.table("product", "channel", "#now", "#then", "#")
    for owner, sku, channel, before, after in found[:limit]:
        difference = max(after, 0) - max(before, 0)
        made.add_row(tables.product(owner, sku), channel, level(before), level(after), tables.change(difference))
    would = ", ".join(f"{count} {subject}" for subject, count in Counter(each.subject for each in steps).items())
    counted = (
        f"{tables.counted(summary.levels, 'level')} of {tables.counted(summary.products, 'product')} in"
        f" {tables.counted(summary.channels, 'channel')} would differ."
    )
    exposed = f"Told beyond what there is: {summary.exposure_before:,} units now, {summary.exposure_after:,} then."
    unseen = sorted({each.subject for each in steps if each.service in ("ledger", "waiting")})
    notes = [f"{', '.join(unseen)}: facts of the ledger, which are not previewed."] if unseen else []
    note = f"the first {limit} of {len(found)}; --limit shows more" if len(found) > limit else ""
    return Answer(
        {
            "changes": [{"action": each.action, "subject": each.subject, "name": each.name} for each in steps],
            "differences": [
                {"owner": owner, "sku": sku, "channel": channel, "before": before, "after": after}
                for owner, sku, channel, before, after in found
            ],
            "summary": document(summary),
            "notes": notes,
        },
        [
            *([made] if found else []),
            Text(f"Would be otherwise: {would}.", style="dim"),
            Text(counted, style="bold"),
            Text(exposed),
            *(Text.assemble(("! ", "yellow"), each) for each in notes),
            Text("Nothing was changed."),
            tables.footnote(*summary.revisions, note=note),
        ],
    )
