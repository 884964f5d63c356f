"""Generated from the protos of `weir`; never edited."""
