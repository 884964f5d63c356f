"""CaseService over gRPC, with a ledger beneath."""
