"""Around every handling of messages: heartbeat, log context, and the last word on failures."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from shared.bus import message_metrics
from shared.bus.consuming.delivery import (
    EndsProcess,
    MoveToDeadLetters,
    Retry,
    RetryPolicy,
    TriesOfMessages,
    decide,
)
from shared.bus.consuming.in_hand_notes import note_of
from shared.bus.consuming.poison_guard import PoisonGuard
from shared.bus.messages.headers import batch_facts
from shared.bus.messages.outgoing import MESSAGE_ID, of_any_epoch
from shared.bus.publishing.dead_letter_limit import DeadLetterRefusedError
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.channel import split_subject
from shared.clock import Clock, SystemClock
from shared.contracts.batches import ARROW, decode
from shared.contracts.dead_batches import origin_of
from shared.contracts.dead_letters import DeadLetter
from shared.errors import InvalidMessage, OwnedElsewhere
from shared.waits import WAITS

FORGOTTEN_S = 60.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Settler:
    """Decides what becomes of messages whose handler failed, and buries them if need be."""

    publisher: Publisher
    policy: RetryPolicy
    stage: str
    poison_guard: PoisonGuard
    heartbeat_s: float
    """How often the server is told that a message in hand is being worked on."""
    clock: Clock = field(default_factory=SystemClock)
    tries: TriesOfMessages = field(default_factory=TriesOfMessages)

    def done(self, raw: Msg) -> None:
        """Note that a message has had its effect."""
        self._over(raw)
        message_metrics.settled(self.stage, raw, message_metrics.ACKED, self.clock)

    async def settle(self, error: Exception, raws: list[Msg]) -> Retry | MoveToDeadLetters:
        """Reach the verdict on messages that failed together; dead letters are stored."""
        failures = [self.tries.failed(note_of(raw), error) for raw in raws]
        tries = max(failures, key=attrgetter("failed"))
        verdict = decide(error, tries, self.policy)
        for raw in raws:
            message_metrics.failed(self.stage, raw, error)
        if isinstance(verdict, MoveToDeadLetters):
            try:
                for raw in raws:
                    await self.dead_letter(raw, verdict.reason, error)
            except DeadLetterRefusedError as refused:
                error, verdict = refused, decide(refused, tries, self.policy)
        if isinstance(verdict, Retry):
            for raw in raws:
                message_metrics.settled(self.stage, raw, message_metrics.RETRIED, self.clock)
                if isinstance(error, OwnedElsewhere):
                    continue  # nothing is wrong
                # Another replica may get it next: then nothing more is heard of it here.
                WAITS.failed(
                    f"handling {raw.subject.rpartition('.')[0]}",
                    error,
                    key=_place(raw),
                    within_s=verdict.delay_s + FORGOTTEN_S,
                )
            tell = log.debug if isinstance(error, OwnedElsewhere) else log.warning
            tell(
                "message.retry_scheduled",
                delay_s=verdict.delay_s,
                messages=len(raws),
                error=repr(error),
                exc_info=error if tries.failed > 1 else None,
            )
        return verdict

    async def dead_letter(self, raw: Msg, reason: str, error: Exception) -> None:
        """Copy a message to the dead letters and return when the copy is stored."""
        is_readable = not isinstance(error, EndsProcess)
        letter = dead_message(raw, stage=self.stage, reason=reason, is_readable=is_readable)
        await self.publisher.publish(outgoing_dead_letter(letter))
        log.error("message.buried", subject=raw.subject, reason=reason)
        self._over(raw)
        message_metrics.settled(self.stage, raw, message_metrics.DEAD_LETTERED, self.clock)

    def _over(self, raw: Msg) -> None:
        WAITS.over(_place(raw))
        self.tries.over(note_of(raw))


def _place(raw: Msg) -> tuple[str, int]:
    return raw.metadata.stream, raw.metadata.sequence.stream


@asynccontextmanager
async def handling(raws: list[Msg], heartbeat_s: float) -> AsyncIterator[None]:
    """Bind the log context of these messages, and keep them alive, until the block ends."""
    deliveries = max(raw.metadata.num_delivered for raw in raws)
    with structlog.contextvars.bound_contextvars(subject=raws[0].subject, delivery=deliveries):
        async with heartbeat(raws, heartbeat_s):
            yield


@asynccontextmanager
async def heartbeat(raws: Iterable[Msg], every_s: float) -> AsyncIterator[None]:
    """Tell the server *in progress* now and then until the block ends."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(every_s)
            for raw in list(raws):
                with suppress(NatsError):
                    if not raw.is_acked:
                        await raw.in_progress()

    heart = asyncio.create_task(beat())  # noqa: TID251  cancelled below
    try:
        yield
    finally:
        heart.cancel()


def dead_message(raw: Msg, *, stage: str, reason: str, is_readable: bool = True) -> DeadLetter:
    """Describe a whole message as a dead letter, with what its headers or its batch still tell.

    Args:
        raw: The message.
        stage: Who gives it up.
        reason: Why.
        is_readable: Whether its body may be looked into; it may be what ends processes.
    """
    headers = raw.headers or {}
    _, collection = split_subject(raw.subject)
    sent_as = of_any_epoch(headers.get(MESSAGE_ID, ""))
    key = sent_as or f"{raw.metadata.stream}:{raw.metadata.sequence.stream}"
    facts: dict[str, Any] = batch_facts(headers) or {"records": 0}
    if "batch_id" not in facts and is_readable and headers.get("content-type") == ARROW:
        with suppress(InvalidMessage):
            facts = origin_of(decode(raw.data))
    return DeadLetter(
        key=key,
        stage=stage,
        collection=collection,
        reason=reason,
        body=raw.data,
        attempts=raw.metadata.num_delivered,
        subject=raw.subject,
        **facts,
    )
