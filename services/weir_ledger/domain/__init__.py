"""Values and rules of the ledger; pure.

`stock` names what is counted, `entries` how it changes, `reservations` what is promised, `books` is what a decision
reads and writes; `movements`, `promises` and `endings` are the decisions themselves.

Values are structs of msgspec rather than dataclasses: thousands are made in a commit, and one costs a tenth as much.
"""
