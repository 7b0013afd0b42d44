"""What the figures of the services mean together."""
