"""Looks at a running pipeline over its bus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from services.cli.handlers.figures import Figures
from services.cli.handlers.statuses import (
    choose_collection,
    remembering,
    served_collections,
)
from shared.bus.connection import BUS_ERRORS, BusError, Client, NotDeclared, jetstream
from shared.bus.reading.stream_reader import StreamReader
from shared.bus.registry.channel import check_collection
from shared.bus.registry.dead_letters import DEAD, DEAD_STREAM
from shared.bus.registry.durables import DURABLES
from shared.bus.registry.streams import REMEDY
from shared.bus.status import collect
from shared.bus.topology import backlog
from shared.clock import Clock, SystemClock
from shared.contracts.status_reading import Statuses
from shared.errors import BusAway, TransientError
from shared.services import STAGES

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class DeadLetterLine:
    """A dead letter as it is listed."""

    stage: str
    file: str
    line: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The newest dead letters, and how many there are in all."""

    newest: Sequence[DeadLetterLine] = ()
    total: int = 0


class Watcher:
    """Looks at one collection."""

    def __init__(self, client: Client, collection: str, known: Statuses | None = None) -> None:
        self.collection = collection
        self._client = client
        self._js = jetstream(client, timeout_s=5)
        self._known = known or {}
        self._clock: Clock = SystemClock()
        self._last = Figures()
        self._away_since: datetime | None = None

    @classmethod
    async def of(cls, client: Client, given: str | None, configured: Sequence[str]) -> Self:
        """Look at the collection that was asked for, or at the only one that is served.

        Raises:
            ConfigurationError: Nobody serves it, or it must be chosen.
            TransientError: The bus was lost.
        """
        try:
            statuses = await collect(client, awaited=STAGES)
        except BusError as error:
            raise TransientError(f"the bus was lost: {error}") from error
        served = served_collections(statuses)
        name = check_collection(choose_collection(given, served, configured))
        return cls(client, name, statuses)

    async def look(self, *, wait_s: float = 0.25, is_patient: bool = False) -> Figures:
        """Ask every service and the server once; what does not answer counts as absent.

        Without the bus, all that was known last is told, and that nobody answers.
        """
        try:
            self._last = await self.ask(wait_s=wait_s, is_patient=is_patient)
        except TransientError as error:
            self._away_since = self._away_since or self._clock.now()
            return self._last.without_bus(str(error), self._away_since)
        self._away_since = None
        return self._last

    async def ask(self, *, wait_s: float, is_patient: bool = False) -> Figures:
        """Ask every service and the server once, patiently those that have answered before.

        Raises:
            TransientError: The server does not answer, or has no streams.
        """
        awaited = self._known if is_patient else ()
        try:
            statuses = await collect(self._client, wait_s=wait_s, awaited=awaited)
            lag = await self._lag()
        except NotDeclared as error:
            what = f"collection '{self.collection}' has no streams or consumers"
            raise TransientError(f"{what}; {REMEDY}") from error
        except BUS_ERRORS as error:
            raise TransientError(f"the bus does not answer: {error}") from error
        self._known = remembering(self._known, statuses)
        return Figures.of(self._known, lag, self.collection)

    async def dead_letters(self, limit: int) -> DeadLetters:
        """List the newest dead letters that the bus still has, oldest first.

        Only the end of the stream is read, however many there are.
        """
        subjects = tuple(channel.subject(self.collection) for channel in DEAD.values())
        reading = StreamReader(self._client, DEAD_STREAM, subjects)
        try:
            total = await reading.count()
            last = (await reading.state()).last_seq
            messages, _ = await reading.some(max(0, last - limit), limit)
        except BusAway:
            return DeadLetters()
        return DeadLetters([_line(message.headers) for message in messages], total)

    async def _lag(self) -> dict[str, int]:
        # One after the other: in a group of tasks a bus that is away would be a group of errors.
        lag: dict[str, int] = {}
        for durable in DURABLES:
            left = await backlog(self._js, durable, self.collection)
            lag[durable.service] = lag.get(durable.service, 0) + left.total
        return lag


def _line(headers: Mapping[str, str]) -> DeadLetterLine:
    def told(name: str) -> str:
        return headers.get(f"mapstream-{name}", "")

    lines = "-".join(filter(None, (told("line"), told("last-line"))))
    return DeadLetterLine(told("stage"), told("file"), lines, told("reason"))
