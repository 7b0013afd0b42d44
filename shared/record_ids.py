"""Names a record for good: by its source and its place there."""

import hashlib


def record_id(filename: str, iteration: int, idx_in_iteration: int) -> str:
    """Hash what identifies a record; a source that is moved gives its records other ids."""
    return hashlib.sha256(f"{filename}:{iteration}:{idx_in_iteration}".encode()).hexdigest()
