"""One function for each request: it reads what bears on it, and hands it to its rule in `domain`."""
