"""Pure rules about texts, batches and vectors."""
