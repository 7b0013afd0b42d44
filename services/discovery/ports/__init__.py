"""What discovery needs from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.cut_rules import CutRules
from services.discovery.domain.ledger import (
    CommandRef,
    Commit,
    Death,
    SourceRecord,
    Status,
)
from services.discovery.domain.segments import ContentHash, Mark
from services.discovery.domain.sources import SourceStat
from services.discovery.domain.totals import Totals
from services.discovery.domain.versions import BegunVersion
from services.discovery.ports.collections import (
    CollectionStore,
    FolderRefusedError,
    NamedFolders,
)
from services.discovery.ports.contents import (
    Content,
    SourceChangedError,
    SourceUnreadableError,
    SourceVanishedError,
)
from services.discovery.ports.contradictions import ContradictionStore
from services.discovery.ports.dead_letters import DeadLetterStore, LetterLedger
from services.discovery.ports.deletion import DeletionStore, Remains
from services.discovery.ports.formats import SourceFormat
from services.discovery.ports.histories import HistoryStore
from services.discovery.ports.losses import LossStore
from services.discovery.ports.moves import MoveStore
from services.discovery.ports.presence import PresenceStore
from services.discovery.ports.sources import Listed, SourceRepository, Trigger
from services.discovery.ports.stalls import StallStore
from services.discovery.ports.uploads import BlobKeeper, UploadedFiles, UploadStore

__all__ = [
    "BlobKeeper",
    "CollectionStore",
    "Content",
    "ContradictionStore",
    "DeadLetterStore",
    "DeletionStore",
    "FolderRefusedError",
    "HistoryStore",
    "Ledger",
    "LetterLedger",
    "Listed",
    "LossStore",
    "MoveStore",
    "NamedFolders",
    "PresenceStore",
    "Remains",
    "SourceChangedError",
    "SourceFormat",
    "SourceRepository",
    "SourceUnreadableError",
    "SourceVanishedError",
    "StallStore",
    "StateStore",
    "Trigger",
    "UploadStore",
    "UploadedFiles",
]


class StateStore(LossStore, Protocol):
    """The ledger of every source. Each method is one transaction, and harmless when repeated.

    News about another version than a source's current one is ignored. Every method may raise
    ``TransientError``: the ledger could not be read or written (disk full, locked).
    """

    async def get(self, source_ids: Sequence[str]) -> dict[str, SourceRecord]:
        """Return what is known of these sources, by id.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def list_sources(self, collection: str | None = None) -> list[SourceRecord]:
        """Return all sources, or those of a collection, by filename.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def unfinished(self, collection: str | None = None) -> list[SourceRecord]:
        """Return the sources that are being read or have batches in flight.

        Those that have failed only while what puts their version aside is on its way.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def failed(self, collection: str, most: int) -> list[SourceRecord]:
        """Return a collection's failed sources by filename, at most so many.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def totals(self, collection: str) -> Totals:
        """Return a collection's sources per status and its records.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def note_incomplete(self, stat: SourceStat, why: WhyIncomplete, now: datetime) -> None:
        """Note that a source waits for its end, and why; an earlier version of it stays.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def note_unchanged(self, stat: SourceStat, now: datetime) -> list[SourceRecord]:
        """Note a source's new signature, since its content is what it was.

        A failure is lifted; the source is returned if it turns out to be completed.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def begin_version(
        self,
        stat: SourceStat,
        content: ContentHash,
        rules: CutRules,
        now: datetime,
        max_dead_share: float | None = None,
    ) -> BegunVersion:
        """Note that a content is going to be read, and return what of it is to be read.

        The same content gets the same version again, as does one that begins with it: then only
        what is new is to be read. Both go on as the version was cut; see ``continuation``. Another
        one gets the next version, and the batches of the one before are forgotten.

        Args:
            stat: The source.
            content: What it holds.
            rules: How a version is cut that begins now.
            now: Dates it.
            max_dead_share: How much of it may be dead for it to replace another one; None: all.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def record_batch(
        self, batch_id: str, source_id: str, version: int, records: int
    ) -> None:
        """Note that a batch is going to be published.

        Of a version that has grown since it was mapped, news about batches that were not noted
        before are late ones about earlier batches, and change nothing.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def finish_reading(
        self, source_id: str, version: int, end: Mark, now: datetime
    ) -> list[SourceRecord]:
        """Note that all batches of a version are recorded; return the source if that ends it.

        Args:
            source_id: The source.
            version: Which content of it.
            end: Where the reading ended; goes on from there if the source grows.
            now: Dates it.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def apply_committed(
        self, commits: Sequence[Commit], now: datetime
    ) -> list[SourceRecord]:
        """Note what the store holds; return what ended and was not announced yet.

        A source ends completed, or forgotten if that was asked for.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def apply_deaths(self, deaths: Sequence[Death], now: datetime) -> list[SourceRecord]:
        """Note dead-lettered records, once per key; return as ``apply_committed`` does.

        A source that is being forgotten has none: only a commit ends that.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def fail(self, stat: SourceStat, reason: str, now: datetime) -> SourceRecord | None:
        """Note that a source cannot be read; return it if this reason was not announced yet.

        If anything of its version waits, or comes to wait later, the source gets a version without
        content, whose only batch has no records and puts aside what waits. A source that is
        forgotten, or whose version is held back, stays so: the reason is nobody's concern.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def requeue(self, source_id: str) -> bool:
        """Have a source that failed or is in flight read again; tell whether it is such a one.

        One that is being forgotten is none, nor one that is moved.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def forget(self, source_id: str, ref: CommandRef) -> SourceRecord | None:
        """Give a source a version without records, and return what it is now.

        The version has one empty batch, noted as published, whose commit ends it. A source that
        is forgotten already only keeps the command in mind, and one that it has in mind changes
        nothing. A source that never had a version stays as it is: then None is returned.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def mark_announced(
        self,
        source_id: str,
        status: Status,
        version: int | None = None,
        ended_at: datetime | None = None,
    ) -> None:
        """Note that the outside was told how a source (or any version of it) has ended.

        Args:
            source_id: The source.
            status: How it has ended.
            version: Only if it is still of this one.
            ended_at: Only if it has not ended again since: one that grew has.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def unannounced(self) -> list[SourceRecord]:
        """Return completed, failed and forgotten sources of which the outside was not told.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def forget_accounts(self, before: datetime) -> int:
        """Drop what is known of the dead letters of sources that ended before.

        Returns:
            How many batches with dead records went.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def forget_missing(self, collection: str, present: frozenset[str]) -> int:
        """Forget sources without a version that are not among these ids; return how many.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...


class Ledger(StateStore, PresenceStore, MoveStore, Protocol):
    """The accounts of the sources, and what was seen of their files."""
