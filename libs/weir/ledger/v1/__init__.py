"""Generated from the protos of `weir.ledger.v1`; never edited."""
