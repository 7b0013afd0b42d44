"""The application: batches of texts become batches of vectors."""
