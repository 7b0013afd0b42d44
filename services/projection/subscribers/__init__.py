"""The shell: from batches, retractions and commands on the bus to the handlers and back."""
