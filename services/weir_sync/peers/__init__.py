"""The ledger and the aggregator, over gRPC."""
