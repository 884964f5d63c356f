"""Generated from the protos of `weir.sharing.v1`; never edited."""
