"""Takes what comes only from the ledger and the state of projection that belong to the dataset."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from services.writing.handlers.origin import DatasetOrigin, Origin
from services.writing.handlers.writer import Writer
from shared.bus.messages.outgoing import Steps, outgoing_event
from shared.bus.registry.writing import WRITING_SETTLED
from shared.clock import Clock
from shared.contracts.batches import Batch, BatchDescriptor
from shared.contracts.projection import ProjectionModel
from shared.contracts.writing import NO_VECTORS, SettledBatch, WritingSettled
from shared.errors import TransientError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch or a model, and by which state of projection it was sent."""

    message: Batch | ProjectionModel
    opened: tuple[str, ...] = ()
    """The openings of that state; of none, a batch is not asked."""


class Receiver:
    """Brings to the writer of one collection what is meant for it."""

    def __init__(self, writer: Writer, origin: DatasetOrigin, clock: Clock) -> None:
        self._writer = writer
        self._origin = origin
        self._clock = clock

    @property
    def collection(self) -> str:
        """Of which collection."""
        return self._writer.collection

    async def take(self, messages: Sequence[Sent]) -> Steps:
        """Write what is ours; what was sent by a state that was given up counts for nothing.

        That holds for the ledger that a batch is of, and for the moments in which its vectors
        count and whose plane it is placed by. A model is told again by the present state; of a
        batch it is told that it is not stored, so that it leaves the moments, and discovery sends
        it again if it still means it.

        Raises:
            TransientError: A sender has not said yet which state it has, or it could not be done
                now; what was done is harmless when repeated.
        """
        ours: list[Batch | ProjectionModel] = []
        given_up: list[Batch] = []
        try:
            for one in messages:
                if await self._is_ours(one):
                    ours.append(one.message)
                elif isinstance(one.message, Batch):
                    given_up.append(one.message)
        except TransientError as error:
            self._writer.tell_blocked(error)
            raise
        if given_up:
            yield [outgoing_event(WRITING_SETTLED, self._refused(given_up))]
        if ours:
            async for news in self._writer.take(ours):
                yield news

    async def _is_ours(self, sent: Sent) -> bool:
        if isinstance(sent.message, Batch):
            return await self._is_our_batch(sent.message.descriptor, sent.opened)
        is_told_again = not sent.opened and self._origin.remembers("projection")
        if not is_told_again and await self._is_of("projection", sent.opened):
            return True
        log.warning("model.of_another_state", version=sent.message.version)
        return False

    async def _is_our_batch(self, facts: BatchDescriptor, opened: Sequence[str]) -> bool:
        senders = {"discovery": facts.opened, "projection": opened}
        strangers = [one for one, its in senders.items() if not await self._is_of(one, its)]
        if not strangers:
            return True
        if await self._writer.holds(facts):
            return True  # it is told once more what became of it
        log.warning(
            "batch.of_another_state",
            of=strangers,
            file=facts.filename,
            batch_id=facts.batch_id,
        )
        return False

    async def _is_of(self, owner: str, opened: Sequence[str]) -> bool:
        return await self._origin.of(owner, opened) is Origin.OURS

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
