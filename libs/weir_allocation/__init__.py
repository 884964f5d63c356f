"""The arithmetic of availability: pure, with a total order on every choice."""
