"""How the bytes of a source become records."""

from collections.abc import Iterator
from typing import Protocol

from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.entries import Part
from services.discovery.ports.contents import Content


class SourceFormat(Protocol):
    """A kind of file: plain, blocking code that a thread runs. It keeps nothing of a source.

    Every method raises what ``Content`` raises.
    """

    @property
    def name(self) -> str:
        """What it is, and of which version: another one may make something else of a content."""
        ...

    @property
    def max_line_bytes(self) -> int:
        """A longer line is not held in memory."""
        ...

    def limited(self, max_line_bytes: int) -> "SourceFormat":
        """Return the same format with another limit of a line."""
        ...

    def parts_at(self, content: Content, position: int) -> bool:
        """Tell whether the two parts of a content can be read by themselves.

        That is, whether all that is found in the whole is found in one of them, and nothing else;
        and whether each line but the last of the second ends with a newline's byte.

        Args:
            content: The whole.
            position: Where the second part begins.
        """
        ...

    def why_incomplete(self, content: Content) -> WhyIncomplete | None:
        """Tell what the content lacks to be read; None: nothing.

        Raises:
            SourceUnreadableError: It cannot be judged; its text gives the reason and the remedy.
        """
        ...

    def read(self, content: Content) -> Iterator[Part | None]:
        """Find the entries of a content, and what of it cannot be read, in file order.

        The same content always gives the same. The memory that it takes depends on the longest
        entry only; an entry may be held until the next one is asked for.

        Yields:
            Entries and bad lines; and None about every megabyte, whatever comes of it: then
            others have their turn, and the reading can be stopped.
        """
        ...
