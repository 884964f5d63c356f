"""Clients, faults and kills against two ledgers on one Postgres, and a checker of the history they leave.

`plan` draws from a seed what everybody does and what goes wrong (`wishes`: the requests), `play` lets it happen in a
`world` (`clients` ask, `watchers` watch) and leaves a `history`. The `checker` replays it on a sequential `model`.
`figures` says what was reached, and gives the verdict. `python -m tests.simulation 1..300` does so for many seeds.
"""
