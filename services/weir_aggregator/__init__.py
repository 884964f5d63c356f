"""The aggregator: the only place where availability is computed."""
