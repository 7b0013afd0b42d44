"""What the services say to each other: JSON events and commands, and Arrow batches."""
