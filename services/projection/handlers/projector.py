"""Projects one collection: the order in which its models, batches and news are published."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog

from services.projection.domain.refits import HeldRefit, Rules
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.handlers import events
from services.projection.handlers.events import NOBODY, CommandRef
from services.projection.handlers.project import project
from services.projection.handlers.refit import Outcome, Previewed, Rejected, refit, rollback
from services.projection.handlers.retract import Retraction, retract
from services.projection.handlers.settle import settle, told_of
from services.projection.ports import ProjectionStore
from shared.bus.messages.headers import opened_headers
from shared.bus.messages.outgoing import (
    Outgoing,
    Steps,
    outgoing_batch,
    outgoing_event,
    outgoing_message,
)
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.registry.batches import PROJECTION_BATCH
from shared.bus.registry.projection import (
    PROJECTION_HELD,
    PROJECTION_MODEL,
    PROJECTION_PREVIEWED,
    PROJECTION_REJECTED,
    PROJECTION_UPDATED,
)
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.commands import Refit, Rollback
from shared.contracts.writing import SettledBatch
from shared.failpoints import Failpoint, reached
from shared.observability.steps import step

FORGET = Refit(reason="forget", force=True)
log = structlog.get_logger(__name__)


class Projector:
    """Serves one collection."""

    def __init__(
        self,
        state: CollectionState,
        *,
        store: ProjectionStore,
        clock: Clock,
        rules: Rules,
        opened: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.state = state
        self._collection = state.collection
        self._store = store
        self._clock = clock
        self._rules = rules
        self._opened = opened
        """The openings of the state, by which writing knows it."""
        self._owes_news = False
        """Whether the announcement of a model was begun, and not ended."""
        self.is_closed = False
        """Whether nothing of the collection may change any more."""

    async def close(self) -> None:
        """Let the command that is being carried out come to its end; others come too late."""
        self.is_closed = True
        async with self.in_order:
            pass

    async def project(self, batches: Sequence[Batch]) -> Steps:
        """Project a micro-batch; the new model, if any, goes before it.

        Raises:
            TransientError: The checkpoint could not be stored; nothing has changed.
        """
        async with self.in_order:
            async for messages in self.catch_up():
                yield messages
            with step("project"):
                result = await project(
                    batches,
                    state=self.state,
                    store=self._store,
                    clock=self._clock,
                    rules=self._rules,
                )
            for letter in result.dead:
                log.error("batch.buried", file=letter.filename, reason=letter.reason)
            async for messages in self.announce(result.model or result.held):
                yield messages
            yield [
                *map(outgoing_dead_letter, result.dead),
                *(outgoing_batch(PROJECTION_BATCH, one, self._opened()) for one in result.batches),
            ]

    async def retract(self, retractions: Iterable[Retraction]) -> None:
        """Take vectors out of the moments; whoever sent them waits for that.

        Raises:
            InvalidMessage: The vectors cannot be those that were counted.
            TransientError: The checkpoint could not be stored; nothing has changed.
        """
        await retract([*retractions], state=self.state, store=self._store)

    async def settle(self, batches: Iterable[SettledBatch]) -> None:
        """Make the moments those of what is stored.

        Raises:
            InvalidMessage: Vectors that were kept for this are gone.
            TransientError: The checkpoint could not be stored; nothing has changed.
        """
        told = [*map(told_of, batches)]
        for batch_id in await settle(told, state=self.state, store=self._store):
            log.error("batch.in_doubt", collection=self._collection, batch_id=batch_id)

    @property
    def in_order(self) -> asyncio.Lock:
        """Held from a decision until all of it is published, so that the next one follows it."""
        return self.state.publishing

    async def refit(self, command: Refit, asked: CommandRef) -> Outcome:
        """Fit a model to everything that is counted, ``in_order``.

        Raises:
            TransientError: The checkpoint could not be stored; nothing has changed.
        """
        return await refit(command, correlation_ids=asked.causes, **self._parts)

    async def rollback(self, command: Rollback, asked: CommandRef) -> Outcome:
        """Make an older model current again, ``in_order``.

        Raises:
            TransientError: The checkpoint could not be stored; nothing has changed.
        """
        return await rollback(command, correlation_ids=asked.causes, **self._parts)

    async def is_answered(self, causes: tuple[str, ...]) -> bool:
        """Tell whether all these commands led to models before they were delivered again.

        Raises:
            TransientError: The store could not be read.
        """
        return set(causes) <= await self._store.answered(self._collection, causes)

    async def forget(self) -> Steps:
        """Fit a model without the records that were forgotten, if that is owed.

        Raises:
            TransientError: The checkpoint could not be stored; nothing has changed.
        """
        async with self.in_order:
            async for messages in self.catch_up():
                yield messages
            if not self.state.owes_refit:
                return
            outcome = await refit(FORGET, trigger="forget", **self._parts)
            if isinstance(outcome, ModelVersion):
                async for messages in self.announce(outcome):
                    yield messages

    async def resume(self) -> Steps:
        """Announce the models whose announcement a crash may have cut off.

        The current model goes to the writers again in any case, under another id each time: the
        bus may have lost what it still knows the id of, and a writer ignores a model that it has.
        """
        self._owes_news = True
        async for messages in self.catch_up():
            yield messages
        if self.state.model:
            yield [self._in_band(self.state.model, f"again {self._clock.now()}")]

    async def catch_up(self) -> Steps:
        """Announce the models whose announcement has failed, ``in_order``: before what follows."""
        if not self._owes_news:
            return
        for model in await self._store.unannounced(self._collection):
            async for messages in self.announce(model):
                yield messages
        self._owes_news = False

    async def announce(self, outcome: Outcome | None, asked: CommandRef = NOBODY) -> Steps:
        """Tell an outcome, ``in_order``; a model goes to the writers first, before its batches."""
        now, name = self._clock.now(), self._collection
        version = self.state.model.version if self.state.model else 0
        match outcome:
            case ModelVersion() as model:
                self._owes_news = True
                yield [self._in_band(model)]
                reached(Failpoint.MODEL_PUBLISHED)
                yield [outgoing_event(PROJECTION_UPDATED, events.updated(name, model))]
                await self._store.mark_announced(name, model.version)
                self._owes_news = False
                _log_model(name, model)
            case HeldRefit() as refit:
                held = events.held(name, refit, version, asked, now)
                yield [outgoing_event(PROJECTION_HELD, held)]
                log.warning("refit.held", collection=name, rms_share=refit.movement.rms_share)
            case Previewed() as preview:
                seen = events.previewed(name, preview, version, asked, now)
                yield [outgoing_event(PROJECTION_PREVIEWED, seen)]
            case Rejected() as refusal:
                yield [rejection(name, refusal, asked, self._clock)]

    @property
    def _parts(self) -> dict[str, Any]:
        """What carries out refits needs of this one."""
        return {
            "state": self.state,
            "store": self._store,
            "clock": self._clock,
            "rules": self._rules,
        }

    def _in_band(self, model: ModelVersion, *again: str) -> Outgoing:
        contract = events.contract_of(self._collection, model)
        made = events.made_at(model)
        message_id = PROJECTION_MODEL.message_id(self._collection, model.version, made, *again)
        return outgoing_message(
            PROJECTION_MODEL,
            self._collection,
            contract,
            message_id=message_id,
            headers=opened_headers(self._opened()),
        )


def rejection(collection: str, refusal: Rejected, asked: CommandRef, clock: Clock) -> Outgoing:
    """Tell that a command cannot be carried out."""
    log.warning("command.rejected", subject=asked.subject, reason=refusal.reason)
    refused = events.rejected(collection, refusal.reason, asked, clock.now())
    return outgoing_event(PROJECTION_REJECTED, refused)


def _log_model(collection: str, model: ModelVersion) -> None:
    log.info(
        "model.announced",
        collection=collection,
        version=model.version,
        reason=model.reason,
        records=model.record_count,
        explained_variance_ratio=model.explained_variance_ratio,
        moved_share=model.movement.rms_share if model.movement else None,
    )
