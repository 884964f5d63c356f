"""What every service needs around its own rules."""
