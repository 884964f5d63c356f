"""Sharing: which locations feed which channels."""
