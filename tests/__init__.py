"""Every test of weir, by what it shows: rules, laws, contracts, one service, the whole suite."""
