"""Generated from the protos of `weir.sync`; never edited."""
