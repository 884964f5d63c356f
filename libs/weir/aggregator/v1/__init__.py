"""Generated from the protos of `weir.aggregator.v1`; never edited."""
