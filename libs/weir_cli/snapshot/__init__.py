"""The report of a warehouse, brought to the ledger: `file` reads it, `sending` sends it, `telling` says what became of
it, `importing` puts them together."""
