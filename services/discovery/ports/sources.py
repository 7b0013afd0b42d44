"""Where sources come from."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.lines import Line, OversizedLine
from services.discovery.domain.sources import FolderUnreadable, SourceStat
from shared.errors import TransientError

Listed = SourceStat | FolderUnreadable


class SourceUnreadableError(TransientError):
    """A source cannot be read; its text gives the reason and the remedy."""


class SourceVanishedError(SourceUnreadableError):
    """A source is not there any more."""


class SourceChangedError(TransientError):
    """A source's content is not what it was when it was looked at; look again."""


class SourceRepository(Protocol):
    """Where sources come from. No method blocks the event loop."""

    async def check(self) -> None:
        """Check that every configured root is there, can be listed and lies in no other one.

        Raises:
            ConfigurationError: Names the root (or both) and the remedy.
        """
        ...

    def list_sources(self, changed: frozenset[str] | None = None) -> AsyncGenerator[Listed]:
        """List the sources of all roots, always in the same order.

        A source that goes away meanwhile is left out, as is a link that leads nowhere. A folder
        that cannot be listed is told of, and the others go on.

        Args:
            changed: List only what is at or below these paths; None: everything.
        """
        ...

    def root_of(self, path: str) -> str | None:
        """Return the root that a source of this path is found below, whether it is there or not.

        Args:
            path: As the ledger spells it.

        Returns:
            The root's path, spelt alike; None: no root leads there any more.
        """
        ...

    async def why_incomplete(self, stat: SourceStat) -> WhyIncomplete | None:
        """Tell what the source's end lacks; None: its last line has a final answer.

        Raises:
            SourceUnreadableError: It cannot be opened, or its last line is too long to be judged.
            SourceChangedError: It is shorter than it was.
        """
        ...

    async def fingerprint(self, stat: SourceStat) -> str:
        """Return the SHA-256 of the source's first ``size`` bytes, in hex.

        Raises:
            SourceUnreadableError: It cannot be read.
            SourceChangedError: It is shorter than it was.
        """
        ...

    def read_lines(
        self, stat: SourceStat, fingerprint: str | None
    ) -> AsyncGenerator[Sequence[Line | OversizedLine]]:
        """Read the lines of the source's first ``size`` bytes, some at a time.

        The memory that it takes depends on the longest line only, up to the limit above which
        lines come as ``OversizedLine``.

        Args:
            stat: The source.
            fingerprint: What the content must have; None: whatever it is.

        Raises:
            SourceUnreadableError: It cannot be read.
            SourceChangedError: What was read does not have this fingerprint; raised after the last
                line at the latest.
        """
        ...


class Trigger(Protocol):
    """Says when to look."""

    def signals(self) -> AsyncGenerator[frozenset[str] | None]:
        """Yield at once and then whenever it is worth a look; never ends.

        What happens while nobody asks for the next signal is kept for it.

        Yields:
            The paths that changed, or None: look at everything.
        """
        ...
