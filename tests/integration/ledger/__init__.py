"""The ledger over real gRPC and Postgres."""
