"""What the handlers and the workers of sync need from the world, a module for each thing."""
