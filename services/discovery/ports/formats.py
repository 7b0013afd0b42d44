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
