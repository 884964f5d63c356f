"""Generated from the protos of `weir.sync.v1`; never edited."""
