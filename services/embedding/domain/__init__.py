"""Pure rules about texts, vectors and patience."""
