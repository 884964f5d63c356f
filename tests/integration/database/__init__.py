"""The database: walls between tenants, commits that are never torn, faults that are told apart."""
