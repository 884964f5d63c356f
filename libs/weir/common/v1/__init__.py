"""Generated from the protos of `weir.common.v1`; never edited."""
