"""Other contexts, over gRPC: `feeds` follows them all, `promises` has the ledger promise what was planned,
`arrivals` what orders waited for."""
