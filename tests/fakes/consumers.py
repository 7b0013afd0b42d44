"""The durable consumers of collections, and what waits for them, in memory."""

from collections import Counter
from collections.abc import Iterable
from itertools import count

from services.discovery.ports.resting import Left
from shared.errors import TransientError


class FakeConsumers:
    """Has the consumers that were made; notes what was done to them, in order."""

    def __init__(self, done: list[str]) -> None:
        self.done = done
        self.made: set[str] = set()
        self.messages = Counter[str]()
        self.readers: dict[str, set[str]] = {}
        self.moves: dict[str, int] = {}
        """By collection, at how many more looks another message has passed since the last."""
        self.failures: list[Exception] = []
        self.looks = 0
        self._places = count()

    async def make(self, collections: Iterable[str]) -> None:
        self._fail()
        self.made.update(collections)
        self.done += [f"make {name}" for name in collections]

    async def remove(self, collection: str) -> None:
        self.done.append(f"remove {collection}")
        self._fail()
        self.made.discard(collection)

    async def left(self, collection: str) -> Left:
        self.looks += 1
        self._fail()
        place = 0
        if self.moves.get(collection, 0) > 0:
            self.moves[collection] -= 1
            place = 1 + next(self._places)
        readers = frozenset(self.readers.get(collection, ()))
        return Left(self.messages[collection], readers, (place,))

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop()


class FakeRestStore:
    """What the ledger knows of collections that rest."""

    def __init__(self, done: list[str]) -> None:
        self.done = done
        self.resting: set[str] = set()
        self.unsettled: set[str] = set()
        self.failures = 0

    async def resting_collections(self) -> set[str]:
        return set(self.resting)

    async def wake_collection(self, name: str) -> None:
        self._fail()
        self.resting.discard(name)
        self.done.append(f"row of {name} goes")

    async def rest_collection(self, name: str) -> None:
        self._fail()
        self.resting.add(name)
        self.done.append(f"row of {name} comes")

    async def is_settled(self, name: str) -> bool:
        return name not in self.unsettled

    def _fail(self) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise TransientError("the ledger cannot be written")
