"""Faults, kills, and checkers of what was seen meanwhile."""
