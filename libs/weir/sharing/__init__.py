"""Generated from the protos of `weir.sharing`; never edited."""
