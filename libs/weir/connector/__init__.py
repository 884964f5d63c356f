"""Generated from the protos of `weir.connector`; never edited."""
