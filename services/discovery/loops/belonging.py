"""Asks writing to which dataset the ledger of a collection belongs, at the start and later."""

from collections.abc import Callable, Sequence
from functools import partial

from services.discovery.domain.sources import HeldSource
from services.discovery.handlers.belonging import belong
from services.discovery.handlers.epochs import Epochs
from services.discovery.ports import HistoryStore
from shared.belonging import Belonging, patiently
from shared.bus.broker import Bus
from shared.bus.reading.dataset import DatasetBook


class Belongings:
    """Those of all collections that are worked on."""

    def __init__(self, bus: Bus, epochs: Epochs, tell: Callable[[], None]) -> None:
        self._bus = bus
        self._epochs = epochs
        self._tell = tell
        self._of: dict[str, Belonging] = {}

    async def open(self, name: str, store: HistoryStore) -> Belonging:
        """Find out about a collection; what is sent of it says by which ledger.

        Raises:
            ConfigurationError: Its ledger belongs to another dataset.
        """
        book = DatasetBook(await self._bus.connect(), name)
        one = Belonging("discovery", name, store, book.compare, tell=self._tell)
        self._of[name] = one
        held = partial(_held, book)
        await patiently(
            f"opening the ledger of {name}",
            lambda: belong(name, store=store, belonging=one, held=held, clock=self._epochs.clock),
        )
        self._epochs.opened[name] = one.opened
        return one

    def is_compared(self, collection: str) -> bool:
        """Tell whether the ledger was found to belong to the dataset."""
        one = self._of.get(collection)
        return one is not None and one.is_compared


async def _held(book: DatasetBook) -> Sequence[HeldSource]:
    return [
        HeldSource(one.source_id, one.filename, one.version, one.records)
        for one in await book.sources()
    ]
