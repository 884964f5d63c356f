"""Values and rules of pooling; pure."""
