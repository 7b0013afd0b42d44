"""What of the sources is there, and what was last seen of each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.sources import SourceStat


class PresenceStore(Protocol):
    """The part of the ledger that follows the files. Each method is one transaction.

    Every method may raise ``TransientError``: the ledger could not be read or written.
    """

    async def incomplete(self, collection: str, most: int) -> list[SourceRecord]:
        """Return the sources whose content lacks an end, by filename, at most so many.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def count_incomplete(self, collection: str) -> int:
        """Return how many those are; some may have an earlier version on the map.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def gone(self, collection: str, most: int) -> list[SourceRecord]:
        """Return the sources that are gone and not forgotten, by filename, at most so many.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def count_gone(self, collection: str) -> int:
        """Return how many those are.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def being_read(self, collection: str) -> list[SourceRecord]:
        """Return the sources that are being read.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def there(self, collection: str, after: str, most: int) -> dict[str, tuple[str, str]]:
        """Return filename, id and path of sources that were read, are not forgotten and not gone.

        Args:
            collection: Whose sources.
            after: The filename before the first; they come in the order of their filenames.
            most: At most so many: others get to the ledger between two pages of a long list.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def all_gone(self, collection: str) -> list[SourceRecord]:
        """Return all sources that are gone and not forgotten.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def note_gone(
        self, same_as: Mapping[str, str | None], now: datetime
    ) -> list[SourceRecord]:
        """Note that sources are gone, and return them; one that is gone already stays as it is.

        Args:
            same_as: Source id to the filename under which its file is read now, if there is one.
            now: Since when.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def note_returned(self, source_ids: Sequence[str], now: datetime) -> list[SourceRecord]:
        """Note that sources are there again, and return those that were gone.

        One that was forgotten for being gone is to be read again, whatever its content.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def unremarkable(
        self, stats: Sequence[SourceStat], checked_since: datetime | None
    ) -> set[str]:
        """Return the ids of those of which nothing is to be done, nor anything to be noted.

        Each was read, told and found as it is, lacks nothing, and is neither gone nor forgotten a
        moment ago; what ``needs_look``, ``is_due`` and ``lacks_facts`` say of all others is asked
        of their rows. So a look costs little for what is as it was.

        Args:
            stats: What a look has found.
            checked_since: Since when a content must have been compared; None: ever.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def note_facts(self, stats: Sequence[SourceStat], now: datetime) -> None:
        """Complete what an older ledger did not keep of unchanged sources.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def mark_presence_told(self, source_id: str, at: datetime) -> None:
        """Note that the outside was told that a source went, or came back, at a time.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def untold_presence(self) -> list[SourceRecord]:
        """Return the sources of which the outside was not told that they went or came back.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...
