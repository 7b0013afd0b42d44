"""What brings messages to a writer, with the history of its dataset in memory."""

from services.writing.handlers.origin import DatasetOrigin
from services.writing.handlers.receiving import Receiver
from services.writing.handlers.writer import Writer
from services.writing.ports import DatasetStore
from shared.errors import TransientError
from shared.history import History
from tests.fakes.clock import FrozenClock


class FakeHistoryKeeper:
    """Keeps a history in memory; the next ``failures`` times it cannot."""

    def __init__(self) -> None:
        self.kept: History | None = None
        self.failures = 0

    async def load(self) -> History | None:
        return self.kept

    async def keep(self, history: History) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("no room")
        self.kept = history


async def receiver_of(writer: Writer, store: DatasetStore) -> Receiver:
    """Return what takes from anybody who does not say of which state it is."""
    origin = DatasetOrigin(writer.collection, store=store, keeper=FakeHistoryKeeper())
    await origin.open()
    return Receiver(writer, origin, FrozenClock())
