"""Partitioning: how stock is divided among channel groups.

Owns the policies of a tenant. A policy names products and channel groups, and says by which strategy the supply of a
warehouse group becomes their shares. It counts nothing and asks nobody whether a group exists: what lies where is the
ledger's, which groups there are is sharing's, and shares are computed by the aggregator, which follows these policies
by their watch.

Its laws: no two policies of a tenant have one priority, those that are disabled included; the order of all of them is
given at once or not at all; the writes of a tenant happen one after the other, so that each is judged by what is really
there; every revision is one commit and changes something.
"""
