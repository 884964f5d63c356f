"""Sharing: which locations feed which channels.

Owns the network of a tenant: the policy of each location, warehouse groups, channel groups, channels, and the links
that let the stock of a warehouse group feed a channel group. It counts nothing: what lies where is the ledger's, what
may be sold is computed by the aggregator, which follows this network by its watch.

Its laws: a location is in at most one warehouse group; a FIXED location is the sole member of its group, and that group
feeds one channel group at most; a channel is in exactly one channel group, in one of its own if none is named, which is
made, changed and removed with it and hosts no other; nothing is removed while it is in use; the writes of a tenant
happen one after the other, so that each is judged by what is really there; every revision is one commit and changes
something.
"""
