"""Pure rules about texts, vectors, requests and pauses."""
