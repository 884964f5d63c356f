"""The chain of digests, in SQL: the same words where commits are written and where they are verified.

The digest of a commit is the SHA-256 of 32 bytes, the digest of the commit before it (zeros before the first), and of
a text in UTF-8: revision, moment, entries and claims, joined by the character 29, and, of a commit that changed lots,
these after another one; of a commit that changed what waits, lots, demands and counts of products. Entries are joined
by 30 and their fields by 31, all else likewise; none of these characters stands in any field. Moments are whole
microseconds since 1970.
"""


def micros(moment: str) -> str:
    """A moment as whole microseconds."""
    return f"(extract(epoch FROM {moment}) * 1000000)::bigint"


ENTERED = f"""
coalesce(string_agg(
    concat_ws(
        chr(31), e.line, e.kind, e.account, e.item, e.on_hand_delta, e.reserved_delta, e.on_hand, e.reserved,
        coalesce(e.reservation::text, ''), e.reservation_line, e.request_id, e.reference,
        coalesce({micros("e.occurred_at")}::text, '')
    ), chr(30) ORDER BY e.line
), '')
"""
"""The text of the entries `e` of one commit."""

CLAIMED = """
coalesce(string_agg(
    concat_ws(
        chr(31), c.claim, c.open, c.fulfilled,
        CASE WHEN c.ceiling IS NOT NULL OR c.epoch <> 0 OR c.subject <> ''
             THEN concat_ws(chr(31), coalesce(c.ceiling::text, ''), c.epoch, c.subject) END
    ), chr(30) ORDER BY c.claim COLLATE "C"
), '')
"""
"""The text of the claims `c` that one commit changed; a key has three more fields once a ceiling was set for it."""

LOTTED = """
string_agg(
    concat_ws(chr(31), l.owner, l.sku, l.lot, l.expiry), chr(30)
    ORDER BY l.owner COLLATE "C", l.sku COLLATE "C", l.lot COLLATE "C"
)
"""
"""The text of the lots `l` that one commit changed; null where it changed none."""


WAITED = """
string_agg(w.told, chr(30) ORDER BY w.waiting::text COLLATE "C")
"""
"""The text of the waiting demands `w` that one commit changed; null where it changed none."""

COUNTED = """
string_agg(
    concat_ws(chr(31), b.owner, b.sku, b.limit_units, b.waiting_units, b.limit_revision), chr(30)
    ORDER BY b.owner COLLATE "C", b.sku COLLATE "C"
)
"""
"""The text of the counts `b` of what waits that one commit changed; null where it changed none."""


def further(lots: str, demands: str, counts: str) -> tuple[str, str, str]:
    """The parts of a commit after its entries and claims, of texts that are null where it changed none: the lots alone,
    or all three where demands or counts changed."""
    return (
        f"CASE WHEN {demands} IS NULL AND {counts} IS NULL THEN {lots} ELSE coalesce({lots}, '') END",
        f"CASE WHEN {counts} IS NULL THEN {demands} ELSE coalesce({demands}, '') END",
        f"CASE WHEN {demands} IS NULL THEN {counts} ELSE coalesce({counts}, '') END",
    )


def link(before: str, revision: str, moment: str, *parts: str) -> str:
    """The digest of a commit, whose `parts` are its entries, its claims, its lots, and its demands and counts that
    wait; one that is null is left out."""
    text = f"concat_ws(chr(29), {revision}, {micros(moment)}, {', '.join(parts)})"
    return f"sha256({before} || convert_to({text}, 'UTF8'))"
