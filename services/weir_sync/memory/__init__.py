"""The ports in plain structures, for tests that need no Postgres: a module for each thing."""
