"""Laws on generated cases, and state machines against a model of ten lines."""
