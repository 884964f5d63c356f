"""Stores and warehouses: how they are reached, what flows to and from them, and what became of it."""
