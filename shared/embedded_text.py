"""What of a text is embedded, and how it is known again without keeping it."""

import hashlib


def prepare(text: str, max_chars: int) -> str:
    """Return what is sent of a text: its beginning, without the characters servers choke on."""
    return text[:max_chars].replace("\x00", " ")


def digest_of(text: str) -> str:
    """Return what a prepared text is known by: its SHA-256, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
