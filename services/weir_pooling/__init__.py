"""Pooling: who answers for which goods, and how they pass from one person to another.

Owns the persons of a tenant and their pools, transfers of custody, stocking orders, cases with what was used in them
and what was said on them, par levels with their alerts, and notifications. It counts no unit: the ledger does, by
custodian.

Its laws: a person is in one pool at most, a pool has one hub; a person sees and does what `domain.authority` says,
and of all else does not learn whether it exists; units of a transfer are promised in the ledger from the request
until it is settled, and it is settled once; what was used comes back exactly, and nothing that was used is forgotten.
What is to be done in the ledger is written down here first, as a deed, under the name by which the ledger knows it
(`domain.deeds`): so that whatever dies in between, it is done once and heard of.
"""
