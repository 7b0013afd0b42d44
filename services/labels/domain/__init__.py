"""Rules of regions, their words and their identity."""
