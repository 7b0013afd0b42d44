"""The bytes of a source."""

from typing import Protocol

from shared.errors import TransientError


class SourceUnreadableError(TransientError):
    """A source cannot be read; its text gives the reason and the remedy."""


class SourceVanishedError(SourceUnreadableError):
    """A source is not there any more."""


class SourceChangedError(TransientError):
    """A source's content is not what it was when it was looked at; look again."""


class Content(Protocol):
    """The bytes of one source, or of its end, as many as a look has found.

    Plain, blocking, for one thread.

    It is opened when the first of them are asked for. Every method may raise
    ``SourceUnreadableError``, and ``SourceChangedError`` where the source is shorter than it was.
    """

    @property
    def name(self) -> str:
        """The source, in words for people."""
        ...

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    @property
    def newlines(self) -> int:
        """How many bytes that end a line ``read`` has given."""
        ...

    def read(self, size: int) -> bytes:
        """Read the next bytes, at most so many; none at the end."""
        ...

    def read_at(self, position: int, size: int) -> bytes:
        """Read so many bytes from a position; what ``read`` gives next stays as it is."""
        ...

    def first_data(self) -> int:
        """Return a position before which there are only NULs: a hole need not be read."""
        ...

    def verify(self, fingerprint: str) -> None:
        """Read what ``read`` has not given yet, and compare all of it.

        Args:
            fingerprint: The SHA-256 that it must have, in hex.

        Raises:
            SourceChangedError: It has another one.
        """
        ...

    def close(self) -> None:
        """Let go of the source; harmless if it was never opened."""
        ...
