"""Other contexts over gRPC: `supplies` of the aggregator, `ceilings` and `claims` of the ledger, `sales` of the ledger
and sharing.
"""
