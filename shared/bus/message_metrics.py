"""Measures what becomes of messages: one place for single messages and micro-batches."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import product
from time import perf_counter

from nats.aio.msg import Msg

from shared.bus.messages.causation import first_published, in_hand
from shared.bus.messages.headers import RECORDS
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.channel import split_subject
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.dead_letters import DEAD
from shared.bus.registry.durables import Durable
from shared.clock import Clock
from shared.contracts.statuses import Traffic
from shared.errors import InvalidMessage, TransientError
from shared.observability import metrics
from shared.observability.instruments import amounts, times

ACKED = "acked"
RETRIED = "retried"
DEAD_LETTERED = "buried"
INVALID = "invalid"
TRANSIENT = "transient"
UNEXPECTED = "unexpected"
REFUSED = "refused"
UNREACHABLE = "unreachable"


def flow(stage: str, subject: str) -> dict[str, str]:
    """Label what a stage does with messages of a subject."""
    family, collection = split_subject(subject)
    return {"stage": stage, "collection": collection, "family": family}


def begin(stage: str) -> None:
    """Begin the counters of a stage with zero."""
    metrics.BUS_DISCONNECTIONS.begin(stage=stage)
    written = [channel.family for channel in CHANNELS if channel.producer == stage]
    for family, reason in product(written, (REFUSED, UNREACHABLE)):
        metrics.PUBLISH_RETRIES.begin(stage=stage, family=family, reason=reason)


def begin_collection(stage: str, durables: Iterable[Durable], collection: str) -> None:
    """Begin the counters of a stage for one more collection with zero."""
    if stage in DEAD:
        metrics.DEAD_LETTERS.begin(stage=stage, collection=collection)
        metrics.DEAD_RECORDS.begin(stage=stage, collection=collection)
    for channel in (channel for durable in durables for channel in durable.channels):
        _begin_flow(flow(stage, channel.subject(collection)))


def _begin_flow(labels: dict[str, str]) -> None:
    metrics.MESSAGES_RECEIVED.begin(**labels)
    metrics.RECORDS_RECEIVED.begin(**labels)
    metrics.REDELIVERIES.begin(**labels)
    for outcome in (ACKED, RETRIED, DEAD_LETTERED):
        metrics.MESSAGES_SETTLED.begin(outcome=outcome, **labels)
    for reason in (INVALID, TRANSIENT, UNEXPECTED):
        metrics.FAILURES.begin(reason=reason, **labels)


def received(stage: str, raws: list[Msg]) -> None:
    """Count messages that the bus handed over."""
    for raw in raws:
        labels = flow(stage, raw.subject)
        metrics.MESSAGES_RECEIVED.add(**labels)
        metrics.RECORDS_RECEIVED.add(_records((raw.headers or {}).get(RECORDS)), **labels)
        if raw.metadata.num_delivered > 1:
            metrics.REDELIVERIES.add(**labels)


@contextmanager
def handled(stage: str, raws: list[Msg]) -> Iterator[None]:
    """Measure how long messages are handled together; what is published comes from them."""
    started = perf_counter()
    try:
        with in_hand(raws):
            yield
    finally:
        metrics.HANDLING.observe(perf_counter() - started, **flow(stage, raws[0].subject))


def settled(stage: str, raw: Msg, outcome: str, clock: Clock) -> None:
    """Count an end of handling; the age of a batch counts when the stage is done with it."""
    labels = flow(stage, raw.subject)
    metrics.MESSAGES_SETTLED.add(outcome=outcome, **labels)
    since = first_published(raw)
    if outcome == ACKED and since:
        try:
            age_s = (clock.now() - datetime.fromisoformat(since)).total_seconds()
        except (ValueError, TypeError):  # a stranger's message, with a time of its own making
            return
        metrics.BATCH_AGE.observe(max(0.0, age_s), **labels)


def failed(stage: str, raw: Msg, error: Exception) -> None:
    """Count a failure of a handler."""
    kinds = {InvalidMessage: INVALID, TransientError: TRANSIENT}
    reason = next((name for kind, name in kinds.items() if isinstance(error, kind)), UNEXPECTED)
    metrics.FAILURES.add(reason=reason, **flow(stage, raw.subject))


def published(stage: str, message: Outgoing, seconds: float) -> None:
    """Count a message that a stream has stored."""
    family, collection = message.channel.family, message.collection
    records = _records(message.headers.get(RECORDS))
    labels = {"stage": stage, "collection": collection, "family": family}
    metrics.MESSAGES_PUBLISHED.add(**labels)
    metrics.RECORDS_PUBLISHED.add(records, **labels)
    metrics.PUBLISHING.observe(seconds, stage=stage, family=family)
    if message.channel.is_dead_letter:
        metrics.DEAD_LETTERS.add(stage=stage, collection=collection)
        metrics.DEAD_RECORDS.add(records, stage=stage, collection=collection)


def traffic() -> dict[str, Traffic]:
    """Tell what was counted, per collection, for those who ask over the bus."""
    told = {
        "records_in": amounts(metrics.RECORDS_RECEIVED),
        "records_out": amounts(metrics.RECORDS_PUBLISHED),
        "failed": amounts(metrics.FAILURES),
        "redelivered": amounts(metrics.REDELIVERIES),
        "dead": amounts(metrics.DEAD_RECORDS),
        "handled": times(metrics.HANDLING),
        "handling_s": amounts(metrics.HANDLING),
        "aged": times(metrics.BATCH_AGE),
        "age_s": amounts(metrics.BATCH_AGE),
    }
    collections = {name for values in told.values() for name in values}
    return {
        collection: Traffic(**{name: values.get(collection, 0.0) for name, values in told.items()})
        for collection in collections
    }


def _records(told: str | None) -> int:
    return int(told) if told and told.isascii() and told.isdigit() else 0
