"""One function for each request: it reads what bears on it, and decides; a module for each thing."""
