"""What the ledger knows of files that have got other names."""

from datetime import datetime
from typing import Protocol

from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.moves import Move
from services.discovery.domain.sources import SourceStat


class MoveStore(Protocol):
    """The part of the ledger that follows moved files. Each method is one transaction."""

    async def other_names(self, stat: SourceStat, fingerprint: str) -> list[SourceRecord]:
        """Return the sources of its collection that a file may have been before.

        Those have its content or its inode, and are not forgotten to the end.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def move(self, before: SourceRecord, stat: SourceStat, now: datetime) -> Move | None:
        """Note that what is mapped of one source goes over to another name, with its account.

        The source before gets a version without records, as one that is forgotten for being gone;
        the other one gets its next version, with the content, the account, the dead letters and
        the end of reading that the first had. Both are closed by one batch.

        Args:
            before: The source under its name before, as it was judged.
            stat: The file as it is now, of the size of the content that is mapped.
            now: Dates it.

        Returns:
            Both, as they are then; None if either is not as it was any more.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def name_now(self, source_id: str, version: int) -> SourceRecord | None:
        """Return the source that a version of another one became by moves, if it still is that.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def open_moves(self, collection: str) -> list[Move]:
        """Return the moves of a collection that were noted and of whose end nothing was heard.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...
