"""How large a fetched file may be, in words."""


def too_large(most_bytes: int) -> str:
    """Say that it is longer than it may be."""
    return (
        f"it is larger than {most_bytes:,} bytes: fetch a part of it, or have blobs.max_file_mb "
        "raised"
    )
