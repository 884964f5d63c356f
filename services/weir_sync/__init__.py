"""Sync: what stores are told of the shares that are theirs.

Owns the rules of a tenant and the limits of its stores. A rule names products and stores, and says what becomes of a
share on its way to them; limits say which products a store is told of at all, and how many units at most. It counts
nothing: levels are computed by the aggregator, which follows these rules by their watch.

Its laws: no two rules of a tenant have one priority, those that are disabled included; the order of all of them is
given at once or not at all; a priority store is one of the stores of its rule; the writes of a tenant happen one
after the other, so that each is judged by what is really there; every revision is one commit and changes something.
"""
