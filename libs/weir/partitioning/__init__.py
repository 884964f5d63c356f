"""Generated from the protos of `weir.partitioning`; never edited."""
