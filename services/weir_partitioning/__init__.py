"""Partitioning: how stock is divided among channel groups.

Owns the policies of a tenant, and the epochs: how supplies were divided at instants. A policy names products and
channel groups, and says by which strategy the supply of a warehouse group becomes their shares, and when anew. It
counts nothing and asks nobody whether a group exists: what there is to divide the aggregator says, which follows these
policies by their watch; what a group has spent of its share the ledger counts, which is told the ceilings of every
epoch.

Its laws: no two policies of a tenant have one priority, those that are disabled included; the order of all of them is
given at once or not at all; the writes of a tenant happen one after the other, so that each is judged by what is really
there; every revision is one commit and changes something.

Of epochs: the shares and what is held back are together the supply; an epoch is whole or not there, is never changed,
and comes into force if it is there; of two that were judged after the same one the second is not kept; their numbers
are in the order of commits, without a gap.
"""
