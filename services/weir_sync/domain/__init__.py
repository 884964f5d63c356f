"""What sync keeps and how it decides; pure, a module for each thing."""
