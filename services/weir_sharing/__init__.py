"""Sharing: which locations feed which channels, and which products may stand for one another.

Owns the network of a tenant: the policy of each location, warehouse groups, channel groups, channels, the links that
let the stock of a warehouse group feed a channel group, the links that let a product be served from the stock of
another, and bundles with their components. It counts nothing: what lies where is the ledger's, which it asks for the
sources of a product; what may be sold is computed by the aggregator, which follows this network by its watch.

Its laws: a location is in at most one warehouse group; a FIXED location is the sole member of its group, and that group
feeds one channel group at most; a channel is in exactly one channel group, in one of its own if none is named, which is
made, changed and removed with it and hosts no other; two products are linked once at most in each direction; a bundle
and a plain product are never linked, and no bundle is a component of another; nothing is removed while it is in use.
What holds of every change is the law of `weir_chassis.configuration`.
"""
