"""The streams: what they keep and for how long, made from the table of channels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from shared.bus.registry.channels import CHANNELS
from shared.settings import RetentionSection

REMEDY = "create it with: mapstream streams apply"
MIB = 1 << 20
DAY_S = 86_400.0
LEAST = 32 * MIB
"""A stream has room for four messages of the largest size."""
DEDUPE_WINDOW_S = 600.0
"""A stream forgets message ids after this; later copies are caught by the stages themselves."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream. Its subjects are those of the channels that name it."""

    name: str
    retention: RetentionPolicy
    max_bytes: int
    discard: DiscardPolicy
    max_age_s: float = 0.0
    about: str = ""
    max_per_subject: int | None = None
    """So many messages of a collection: when they are there, only that one has to wait."""

    @property
    def is_kept(self) -> bool:
        """Whether messages stay when they were read: anybody may read them, from anywhere."""
        return self.retention is RetentionPolicy.LIMITS

    @property
    def subjects(self) -> list[str]:
        """The subjects of its channels, for all collections; a command's also with its giver."""
        return [
            subject
            for channel in CHANNELS
            if channel.stream == self.name
            for subject in channel.stored_subjects
        ]

    def config(self, *, replicas: int = 1, fullest: int = 0) -> StreamConfig:
        """Describe the stream to the server.

        Args:
            replicas: How many servers have a copy.
            fullest: How many messages it holds of a subject at most. Given a bound that this is
                near to, the server would throw the oldest away; so then it is not bounded.
        """
        most = self.max_per_subject
        is_bounded = most is not None and fullest <= most // 2
        return StreamConfig(
            name=self.name,
            description=self.about,
            subjects=self.subjects,
            retention=self.retention,
            storage=StorageType.FILE,
            discard=self.discard,
            max_bytes=self.max_bytes,
            max_msgs_per_subject=most if most is not None and is_bounded else -1,
            discard_new_per_subject=is_bounded,
            max_age=self.max_age_s,
            duplicate_window=DEDUPE_WINDOW_S,
            num_replicas=replicas,
            allow_direct=self.is_kept,
        )


def _work(
    name: str,
    about: str,
    *,
    retention: RetentionPolicy,
    max_bytes: int,
    of_one: int | None = None,
) -> Stream:
    """Bounded, refusing new messages when full: a slow stage stops the one before it.

    With a bound ``of_one`` subject, it does so for that collection only.
    """
    return Stream(
        name, retention, max_bytes, DiscardPolicy.NEW, about=about, max_per_subject=of_one
    )


def _public(name: str, about: str, *, days: float, max_bytes: int) -> Stream:
    """Bounded, the oldest go first: nobody can fill it up against us."""
    return Stream(name, RetentionPolicy.LIMITS, max_bytes, DiscardPolicy.OLD, days * DAY_S, about)


QUEUE = RetentionPolicy.WORK_QUEUE
STREAMS = (
    _work("DISCOVERY", "Records to embed.", retention=QUEUE, max_bytes=256 * MIB, of_one=512),
    _work("EMBEDDING", "Vectors to project.", retention=QUEUE, max_bytes=512 * MIB, of_one=256),
    _work("RETRACTIONS", "Vectors to forget.", retention=QUEUE, max_bytes=1024 * MIB),
    _work(
        "PROJECTION",
        "Points to write, and models in order with them.",
        retention=RetentionPolicy.INTEREST,
        max_bytes=512 * MIB,
        of_one=256,
    ),
    _work(
        "SETTLED",
        "What is stored of each batch, until all have read it that keep count.",
        retention=RetentionPolicy.INTEREST,
        max_bytes=64 * MIB,
    ),
    _work("COMMANDS", "Commands of anybody.", retention=QUEUE, max_bytes=16 * MIB),
    _public("EVENTS", "What happened, for anybody.", days=30, max_bytes=1024 * MIB),
    _public("POINTS", "What was mapped, for anybody.", days=3, max_bytes=1024 * MIB),
    _public("DEAD_LETTERS", "What could not be mapped.", days=30, max_bytes=1024 * MIB),
    _public("AUDIT", "Who asked for what, and what came of it.", days=365, max_bytes=64 * MIB),
)
BY_NAME = {stream.name: stream for stream in STREAMS}


def streams_of(retention: RetentionSection) -> tuple[Stream, ...]:
    """Return the streams, the public ones with these limits instead of their own."""
    kept = {
        "EVENTS": (retention.events_days, retention.events_max_bytes),
        "POINTS": (retention.points_days, retention.points_max_bytes),
        "DEAD_LETTERS": (retention.dead_letters_days, retention.dead_letters_max_bytes),
        "AUDIT": (retention.audit_days, retention.audit_max_bytes),
    }
    return tuple(
        replace(one, max_age_s=kept[one.name][0] * DAY_S, max_bytes=kept[one.name][1])
        if one.name in kept
        else one
        for one in STREAMS
    )


def within(streams: Iterable[Stream], budget: int, held: Mapping[str, int]) -> tuple[Stream, ...]:
    """Bound streams so that they do not take more than a budget together, as far as that goes.

    Each keeps its share of what they wanted, but always room for a few messages of the largest
    size, and for what it holds: nothing is thrown away because the disk has become smaller.

    Args:
        streams: With the bounds that are wanted.
        budget: Bytes.
        held: What streams hold already, by name, in bytes.
    """
    wanted = tuple(streams)
    share = min(1.0, budget / sum(one.max_bytes for one in wanted))

    def bound(one: Stream) -> int:
        least = max(LEAST, round(1.25 * held.get(one.name, 0)))
        return max(min(one.max_bytes, least), int(one.max_bytes * share))

    return tuple(replace(one, max_bytes=bound(one)) for one in wanted)
