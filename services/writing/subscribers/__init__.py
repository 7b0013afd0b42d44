"""The shell for the bus."""
