"""The public files and the models, read from disk."""
