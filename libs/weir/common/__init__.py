"""Generated from the protos of `weir.common`; never edited."""
