"""The write path of configuration, for every service whose objects people make, change and remove.

An object has an identifier and a version. A request that would change objects is decided by a pure rule from what is
there; the writes of a tenant happen one after the other, so that each is judged by what is really there; every revision
is one commit, changes something, and is kept for watchers, who see whole objects.

A service names its objects (`objects`), says why it refuses (`errors`), decides (`rules`), reads what a decision needs
(`ports`, kept by `postgres` and in tests by `memory`), and lets `handlers`, `servicer` and `wire` do what is the same
for every request. `priorities` is for objects that are tried in an order.
"""
