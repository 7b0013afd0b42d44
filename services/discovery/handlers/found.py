"""What a look at sources finds."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.moves import is_parked
from services.discovery.domain.sources import FolderUnreadable, SourceStat
from services.discovery.domain.versions import BegunVersion
from services.discovery.handlers.events import SourceEnding
from shared.contracts.batches import Batch
from shared.contracts.sources import SourceDiscovered, SourceFailed, SourceGone, SourceReturned


@dataclass(frozen=True, slots=True)
class SourceToRead:
    """A source whose content is new, complete, and noted in the ledger as being read."""

    stat: SourceStat
    begun: BegunVersion
    """What of it is to be read, and how."""
    event: SourceDiscovered

    @property
    def source_version(self) -> int:
        """Which content of the source it is."""
        return self.begun.number


@dataclass(frozen=True, slots=True)
class SourceMoved:
    """A file that has another name than the one under which it is mapped; nothing is noted yet."""

    stat: SourceStat
    """As it is now, with what was appended since."""
    before: SourceRecord
    """The source under the name before."""
    event: SourceDiscovered

    @property
    def is_parking(self) -> bool:
        """Whether only its rows leave, for a name that no file has: whoever looks has it."""
        return is_parked(self.stat)


Found = (
    SourceToRead
    | SourceMoved
    | SourceEnding
    | SourceFailed
    | SourceGone
    | SourceReturned
    | FolderUnreadable
    | Batch
)
Take = Callable[[Found], Awaitable[None]]
