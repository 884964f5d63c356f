"""Generated from the protos of `weir.pooling.v1`; never edited."""
