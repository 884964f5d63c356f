"""Generated from the protos of `weir.pooling`; never edited."""
