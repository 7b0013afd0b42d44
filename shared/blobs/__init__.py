"""Files that people hand in: kept by the SHA-256 of their bytes, with a note beside each."""
