"""The ledger: the only place where units and promises are counted."""
