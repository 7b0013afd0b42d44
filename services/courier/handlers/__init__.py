"""What the courier does."""
