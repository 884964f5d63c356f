"""Other contexts over gRPC: `supplies` of the aggregator, `ceilings` of the ledger, `sales` of the ledger and
sharing.
"""
