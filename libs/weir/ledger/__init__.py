"""Generated from the protos of `weir.ledger`; never edited."""
