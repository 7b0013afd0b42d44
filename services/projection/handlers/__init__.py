"""What the service does: count vectors once, project batches, fit models, take vectors out."""
