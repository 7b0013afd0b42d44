"""Publishing: at least once, with an id, and what is given up."""
