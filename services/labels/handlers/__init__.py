"""The application of the labels."""
