"""The adapters of the labels."""
