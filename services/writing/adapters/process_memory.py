"""Gives memory that was freed back to the system.

Lance allocates in many threads. The C library keeps what they free for later, in an arena per
thread: after a snapshot of 180,000 rows a fifth of the process's memory was of that kind.
"""

import ctypes
import sys


def give_back_memory() -> None:
    """Return what is free; does nothing where the C library cannot."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
