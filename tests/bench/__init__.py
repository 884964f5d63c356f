"""Figures, as ratios taken in one run: `make bench`.

Every case runs against its own server process, from one client process, in rounds that alternate; a ratio is taken
within a round, and the median over the rounds is told. A Python client takes about half of such a machine, so the CPU
time of server, Postgres and client is read apart, and ratios are told of CPU per call as well as of calls per second.

`calls`, `past` and `snapshots` are measured unless others are named: `make bench ARGS="growth"` takes long, for it
first writes a million stock items and ten million entries. What a past needs is written as the owner of the tables
(`history`), row for row as a ledger would have written it: the audit finds nothing to say against it.
"""
