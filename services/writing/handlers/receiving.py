"""Takes what comes only from the ledger and the state of projection that belong to the dataset."""

import hashlib
from collections.abc import Sequence

import structlog
from pydantic import Field

from services.writing.handlers.origin import DatasetOrigin, Origin
from services.writing.handlers.writer import Writer
from services.writing.ports import DatasetStore
from shared.bus.messages.outgoing import Steps, outgoing_event
from shared.bus.registry.writing import WRITING_SETTLED
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.projection import ProjectionModel
from shared.contracts.writing import NO_VECTORS, SettledBatch, WritingSettled
from shared.errors import TransientError

log = structlog.get_logger(__name__)


class SentModel(ProjectionModel):
    """A model, and from which state of projection it came."""

    opened: tuple[str, ...] = Field(default=(), exclude=True)


class Receiver:
    """Brings to the writer of one collection what is meant for it."""

    def __init__(
        self, writer: Writer, origin: DatasetOrigin, store: DatasetStore, clock: Clock
    ) -> None:
        self._writer = writer
        self._origin = origin
        self._store = store
        self._clock = clock

    @property
    def collection(self) -> str:
        """Of which collection."""
        return self._writer.collection

    async def take(self, messages: Sequence[Batch | ProjectionModel]) -> Steps:
        """Write what is ours; what was sent by a state that was given up counts for nothing.

        A model is told again by the present state; of a batch it is told that it is not stored, so
        that it leaves the moments, and discovery sends it again if it still means it.

        Raises:
            TransientError: A sender has not said yet which state it has, or it could not be done
                now; what was done is harmless when repeated.
        """
        ours: list[Batch | ProjectionModel] = []
        given_up: list[Batch] = []
        try:
            for one in messages:
                if await self._is_ours(one):
                    ours.append(one)
                elif isinstance(one, Batch):
                    given_up.append(one)
        except TransientError as error:
            self._writer.tell_blocked(error)
            raise
        if given_up:
            yield [outgoing_event(WRITING_SETTLED, self._refused(given_up))]
        if ours:
            async for news in self._writer.take(ours):
                yield news

    async def _is_ours(self, message: Batch | ProjectionModel) -> bool:
        if isinstance(message, Batch):
            facts = message.descriptor
            if await self._origin.of("discovery", facts.opened) is Origin.OURS:
                return True
            source = (await self._store.state()).sources.get(facts.source_id)
            if source and source.batches.get(facts.batch_id) == facts.source_version:
                return True  # it is stored, and told so once more
            log.warning("batch.of_another_ledger", file=facts.filename, batch_id=facts.batch_id)
            return False
        opened = message.opened if isinstance(message, SentModel) else ()
        is_told_again = not opened and self._origin.remembers("projection")
        if not is_told_again and await self._origin.of("projection", opened) is Origin.OURS:
            return True
        log.warning("model.of_another_state", version=message.version)
        return False

    def _refused(self, batches: Sequence[Batch]) -> WritingSettled:
        facts = {
            (one.descriptor.batch_id, one.descriptor.epoch): one.descriptor for one in batches
        }
        sent = "\n".join(f"{name} {epoch}" for name, epoch in facts)
        told = {
            one.batch_id: SettledBatch(
                batch_id=one.batch_id,
                source_id=one.source_id,
                source_version=one.source_version,
                verdict="refused",
                records=0,
                checksum=NO_VECTORS,
            )
            for one in facts.values()
        }
        return WritingSettled(
            id=WritingSettled.id_of("given-up", hashlib.sha256(sent.encode()).hexdigest()),
            collection=self.collection,
            occurred_at=self._clock.now(),
            batches=tuple(told.values()),
            dataset_version=0,
        )
