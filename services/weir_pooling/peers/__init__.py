"""The ledger, over gRPC."""
