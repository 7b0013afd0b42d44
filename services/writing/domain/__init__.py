"""The pure rules of writing."""
