"""The weir command for operators."""
