"""Commands for the projections of all collections."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import structlog

from services.projection.domain.refits import HeldRefit
from services.projection.handlers import tell
from services.projection.handlers.refit import Previewed, Rejected
from services.projection.handlers.tell import Asked
from services.projection.subscribers.collection import CollectionShell, Outcome
from shared.bus.consuming.subscriptions import Subscriber
from shared.bus.messages.outgoing import Outgoing, outgoing_event
from shared.bus.messages.received import Delivery
from shared.bus.publishing.publisher import Publisher
from shared.bus.reading.audit_log import Given, audited, given_by
from shared.bus.registry.channel import is_collection
from shared.bus.registry.channels import COMMAND_ROLLBACK, PROJECTION_REJECTED
from shared.bus.registry.durables import (
    PROJECTION_READS_COMMANDS,
)
from shared.clock import Clock
from shared.contracts.audit import Outcome as Word
from shared.contracts.commands import Refit, Rollback
from shared.contracts.reading import Unreadable, parse_command
from shared.errors import InvalidMessage

FOLDED_AT_ONCE = 64
WORDS: dict[type, Word] = {HeldRefit: "held", Previewed: "previewed", Rejected: "rejected"}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A command as it arrived, readable or not."""

    collection: str
    subject: str
    key: str
    """Of the message itself: no two messages share it, as they may a correlation id."""
    cause: str
    command: Refit | Rollback | Rejected
    given: Given
    is_repeated: bool = False
    """Whether it was delivered before, and perhaps carried out."""


class CommandShell:
    """Carries out the commands for all collections, in order."""

    def __init__(
        self, shells: Mapping[str, CollectionShell], publisher: Publisher, clock: Clock
    ) -> None:
        self._shells = shells
        self._publisher = publisher
        self._clock = clock

    def subscribe(self, subscriber: Subscriber) -> None:
        """Subscribe to the commands of every collection, also of those that nobody serves."""
        subscriber.micro_batches(
            PROJECTION_READS_COMMANDS,
            "",
            read_wish,
            self.on_wishes,
            max_messages=FOLDED_AT_ONCE,
            max_wait_s=0,
        )

    async def on_wishes(self, wishes: Sequence[Wish]) -> Iterable[Outgoing]:
        """Carry out what has been waiting; refits in a row are folded into one."""
        audits: list[Outgoing] = []
        for _, folded in groupby(wishes, key=_folds_with):
            run = list(folded)
            first, *rest = run
            asked = Asked(
                subject=first.subject,
                key=first.key,
                causes=tuple(wish.cause for wish in (first, *rest)),
                is_repeated=all(wish.is_repeated for wish in (first, *rest)),
            )
            shell = self._shells.get(first.collection)
            if isinstance(first.command, Rejected):
                outcome = await self._reject(first.collection, first.command.reason, asked)
            elif shell is None:
                served = ", ".join(self._shells)
                reason = f"nobody serves this collection; served are: {served}"
                outcome = await self._reject(first.collection, reason, asked)
            else:
                outcome = await shell.carry_out(first.command, asked)
            audits += self._audits(run, outcome)
        return audits

    def _audits(self, run: Iterable[Wish], outcome: Outcome | None) -> Iterator[Outgoing]:
        """Tell of each command; an outcome that was told before stands in its first telling."""
        word: Word = WORDS.get(type(outcome), "done")
        reason = outcome.reason if isinstance(outcome, Rejected) else None
        for wish in run:
            now, cause = self._clock.now(), wish.cause
            yield audited(wish.given, word, now, correlation_id=cause, reason=reason)

    async def _reject(self, collection: str, reason: str, asked: Asked) -> Rejected:
        log.warning("command.rejected", subject=asked.subject, reason=reason)
        refused = tell.rejected(collection, reason, asked, self._clock.now())
        await self._publisher.publish(outgoing_event(PROJECTION_REJECTED, refused))
        return Rejected(reason)


def _folds_with(wish: Wish) -> object:
    """Return what refits that can be folded share; nothing else folds."""
    if isinstance(wish.command, Refit):
        return wish.collection, wish.command.dry_run, wish.command.force
    return object()


def read_wish(delivery: Delivery) -> Wish:
    """Read a command; one that cannot be read is answered, not buried.

    Raises:
        InvalidMessage: Its subject's last token can be no collection: nobody could be answered.
    """
    family, collection = delivery.subject.rsplit(".", 1)
    if not is_collection(collection):
        raise InvalidMessage(f"'{collection}' cannot name a collection")
    kind = Rollback if family == COMMAND_ROLLBACK.family else Refit
    command = parse_command(kind, delivery.body)
    cause = command.correlation_id or delivery.cause
    if isinstance(command, Unreadable):
        rejected = Rejected(command.reason)
        return Wish(
            collection, delivery.subject, delivery.cause, cause, rejected, given_by(delivery)
        )
    return Wish(
        collection,
        delivery.subject,
        delivery.cause,
        cause,
        command,
        given_by(delivery),
        is_repeated=delivery.deliveries > 1,
    )
