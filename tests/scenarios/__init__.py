"""Whole stories over the whole suite, as a merchant would tell them."""
