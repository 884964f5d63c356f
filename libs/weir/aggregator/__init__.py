"""Generated from the protos of `weir.aggregator`; never edited."""
