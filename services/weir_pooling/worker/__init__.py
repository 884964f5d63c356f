"""What time drives, and what the ledger tells, unasked by any caller: a file for each."""
