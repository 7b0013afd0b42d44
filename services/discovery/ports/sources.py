"""Where sources come from."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import FolderUnreadable, SourceStat
from services.discovery.ports.contents import Content
from services.discovery.ports.formats import SourceFormat

Listed = SourceStat | FolderUnreadable


class SourceRepository(Protocol):
    """Fetches: which sources there are, and their bytes. No method blocks the event loop."""

    async def check(self) -> None:
        """Check that every configured root is there, can be listed and lies in no other one.

        Raises:
            ConfigurationError: Names the root (or both) and the remedy.
        """
        ...

    async def collections_at(self, paths: frozenset[str]) -> set[str]:
        """Name the collections that have roots at, above or below these paths."""
        ...

    def list_sources(
        self, changed: frozenset[str] | None = None, *, collection: str | None = None
    ) -> AsyncGenerator[Listed]:
        """List the sources of all roots, always in the same order.

        A source that goes away meanwhile is left out, as is a link that leads nowhere. A folder
        that cannot be listed is told of, and the others go on.

        Args:
            changed: List only what is at or below these paths; None: everything.
            collection: List only what is of this one; None: of all.
        """
        ...

    async def glance(self, collections: Sequence[str]) -> Mapping[str, bytes]:
        """Tell of each of some collections, in a word, which sources there are, and their facts.

        As long as these are the same, so is the word, while this process runs.
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

    def format_of(self, stat: SourceStat) -> SourceFormat:
        """Return how a source is to be read."""
        ...

    async def why_waiting(self, stat: SourceStat) -> WhyIncomplete | None:
        """Tell what a source lacks to be read beside its content; None: nothing."""
        ...

    async def fingerprint(self, stat: SourceStat, part_at: int = 0) -> ContentHash:
        """Return the SHA-256 of the source's first ``size`` bytes.

        Args:
            stat: The source.
            part_at: Where its second part begins, if those of two parts are wanted, too.

        Raises:
            SourceUnreadableError: It cannot be read.
            SourceChangedError: It is shorter than it was.
        """
        ...

    def open(self, stat: SourceStat, start: int = 0) -> Content:
        """Return the source's first ``size`` bytes; nothing of them is read yet.

        Args:
            stat: The source.
            start: How many of them are left out: the content begins there.
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

    def renew(self) -> None:
        """Follow what is to be followed by now: a folder was added, or taken away."""
        ...
