"""Whether an adapter keeps the contract `weir.connector.v1`: laws that are tried on it while it runs.

It is asked as sync asks it, and believed as little. Levels are changed and put back, so it should stand before a store
that nobody buys in meanwhile.
"""
