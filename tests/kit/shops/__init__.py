"""Stores that answer as those of each kind do, by their public documentation, within the process."""
