"""The chain of digests, in SQL: the same words where commits are written and where they are verified.

The digest of a commit is the SHA-256 of 32 bytes, the digest of the commit before it (zeros before the first), and of a
text in UTF-8: revision, moment, entries and claims, joined by the character 29, and, of a commit that changed lots,
these after another one. Entries are joined by 30 and their fields by 31, claims and lots likewise; none of these
characters stands in any field. Moments are whole microseconds since 1970.
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
coalesce(string_agg(concat_ws(chr(31), c.claim, c.open, c.fulfilled), chr(30) ORDER BY c.claim COLLATE "C"), '')
"""
"""The text of the claims `c` that one commit changed."""

LOTTED = """
string_agg(
    concat_ws(chr(31), l.owner, l.sku, l.lot, l.expiry), chr(30)
    ORDER BY l.owner COLLATE "C", l.sku COLLATE "C", l.lot COLLATE "C"
)
"""
"""The text of the lots `l` that one commit changed; null where it changed none."""


def link(before: str, revision: str, moment: str, *parts: str) -> str:
    """The digest of a commit, whose `parts` are its entries, its claims, and its lots; one that is null is left out."""
    text = f"concat_ws(chr(29), {revision}, {micros(moment)}, {', '.join(parts)})"
    return f"sha256({before} || convert_to({text}, 'UTF8'))"
