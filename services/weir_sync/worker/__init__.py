"""What time drives, and what the aggregator tells, unasked by any caller: a file for each."""
