"""Generated from the protos of `weir.partitioning.v1`; never edited."""
