"""What writing does with batches and models, and when it publishes."""
