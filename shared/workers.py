"""Who works on collections that come and go."""

from collections.abc import Collection
from typing import Protocol


class Worker(Protocol):
    """Works on collections, as many as there are."""

    @property
    def names(self) -> Collection[str]:
        """Those that it works on."""

    def begin(self, name: str, *, is_configured: bool) -> None:
        """Begin with one more."""

    def end(self, name: str) -> None:
        """Be without one."""
