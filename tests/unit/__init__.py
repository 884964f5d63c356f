"""Rules as tables, without I/O."""
