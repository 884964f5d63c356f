"""A waiting demand as one text: what its commit digests, what watchers are told, and what is read of it.

Fields are joined by the character 31: `create_revision`, name, state, whole (1 or 0), order, channel, `create_time` in
microseconds since 1970, digest of the plan, reservations joined by commas; then of each line owner, sku and the four
counts. None of the texts holds a control character, and no reservation a comma.
"""

from datetime import UTC, datetime, timedelta

from weir_ledger.domain.waiting import Waiting, WaitingLine
from weir_ledger.store.chain import micros

SEPARATOR = "\x1f"
HEADING = 9
"""Fields before those of the lines."""
LINE = 6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

TOLD = f"""
concat_ws(
    chr(31), w.create_revision, w.waiting, w.state, w.whole::int, w.order_name, w.channel, {micros("w.created_at")},
    CASE WHEN w.plan = '' THEN '' ELSE encode(sha256(w.plan), 'hex') END, array_to_string(w.reservations, ','),
    (SELECT string_agg(
        concat_ws(chr(31), l.owner, l.sku, l.quantity, l.open, l.promised, l.cancelled), chr(31) ORDER BY l.line
    ) FROM waiting_lines l WHERE l.tenant = w.tenant AND l.waiting = w.waiting)
)
"""  # noqa: S608
"""The text of a row `w` of the demands and of its lines, in SQL."""


def told(demand: Waiting) -> str:
    """The text of a demand but for its first field, `create_revision`, and what separates it from the rest."""
    fields = [
        demand.waiting,
        int(demand.state),
        int(demand.whole),
        demand.order,
        demand.channel,
        (demand.created_at - _EPOCH) // _MICROSECOND,
        demand.plan_digest,
        ",".join(demand.reservations),
    ]
    for line in demand.lines:
        fields += (*line.product, line.quantity, line.open, line.promised, line.cancelled)
    return SEPARATOR.join(map(str, fields))


def weight(text: str, plan: bytes = b"") -> int:
    """More bytes than the message takes of a demand with this text and plan."""
    fields = text.count(SEPARATOR) + 1
    return len(text.encode()) + 8 * fields + 3 * text.count(",") + 64 + len(plan)


def read(text: str, revision: int) -> Waiting:
    """The demand of a text, which `revision` changed last."""
    fields = text.split(SEPARATOR)
    created, name, _, whole, order, channel, moment, digest, reservations = fields[:HEADING]
    lines = tuple(
        WaitingLine((fields[place], fields[place + 1]), *map(int, fields[place + 2 : place + LINE]))
        for place in range(HEADING, len(fields), LINE)
    )
    return Waiting(
        name,
        lines,
        _EPOCH + int(moment) * _MICROSECOND,
        whole=whole == "1",
        order=order,
        channel=channel,
        reservations=tuple(reservations.split(",")) if reservations else (),
        plan_digest=digest,
        create_revision=int(created),
        revision=revision,
    )
