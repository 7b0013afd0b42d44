"""Rules without I/O: what a position covers, what became of an operation."""
