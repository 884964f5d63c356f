"""Generated from the protos of `weir.connector.v1`; never edited."""
