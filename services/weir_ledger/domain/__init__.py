"""Values and rules of the ledger; pure.

`stock` names what is counted, `entries` how it changes, `reservations` what is promised, `waiting` what waits, `books`
is what a decision reads and writes; `movements`, `promises`, `amending`, `endings`, `arrivals`, `demands`, `places`,
`lots` and `imports`, which works on the values of `snapshots`, are the decisions themselves.

Values are structs of msgspec rather than dataclasses: thousands are made in a commit, and one costs a tenth as much.
Those of which there are most are kept from the garbage collector (`gc=False`): they refer to nothing that could refer
back to them.
"""
