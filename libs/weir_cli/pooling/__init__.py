"""Pooled custody on the command line: who answers for which goods, how they pass on, what was used and who is told."""
