"""What is needed of the built page."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page, as it is sent."""

    body: bytes
    packed: bytes
    """The same, gzipped."""
    media_type: str


Page = Mapping[str, PageFile]
"""Its files by name; ``index.html`` is the page itself."""
INDEX = "index.html"
