"""The durable consumers: each service's place in the streams that it reads."""

from dataclasses import dataclass

from shared.bus.registry import commands
from shared.bus.registry.batches import (
    DISCOVERY_BATCH,
    EMBEDDING_BATCH,
    PROJECTION_BATCH,
    WRITING_RETRACTION,
)
from shared.bus.registry.channel import Channel
from shared.bus.registry.dead_letters import DEAD
from shared.bus.registry.projection import PROJECTION_MODEL
from shared.bus.registry.writing import WRITING_SETTLED


@dataclass(frozen=True, slots=True)
class Durable:
    """A durable consumer: one service's place in one stream, for each collection or for all."""

    service: str
    reads: str
    channels: tuple[Channel, ...]
    max_ack_pending: int = 256
    is_per_collection: bool = True
    """One consumer for all collections also gets what is meant for one that nobody serves."""
    watched_by: tuple[str, ...] = ("discovery",)
    """Who else asks how much it has left: discovery, before it sends a lost batch again."""
    told_once_by: tuple[str, ...] = ()
    """Who publishes to it what nobody asks for again, as projection a model: when the consumer is
    gone or another one of its name, that service starts anew, and tells it again."""

    def __post_init__(self) -> None:
        if {channel.stream for channel in self.channels} != {self.stream}:
            raise ValueError(f"the channels of {self.reads} are in different streams")

    @property
    def stream(self) -> str:
        """The stream that it reads."""
        return self.channels[0].stream

    def name(self, collection: str) -> str:
        """Name the consumer; NATS allows no dots in it."""
        stem = f"{self.service}-{self.reads}"
        return f"{stem}-{collection}" if self.is_per_collection else stem

    def subjects(self, collection: str) -> list[str]:
        """List the subjects that it filters."""
        if not self.is_per_collection:
            return [one for channel in self.channels for one in channel.stored_subjects]
        return [channel.subject(collection) for channel in self.channels]


def _commands(service: str) -> Durable:
    mine = tuple(one for one in commands.CHANNELS if service in one.consumers)
    return Durable(service, "commands", mine, is_per_collection=False)


BY_WRITING_TOO = ("discovery", "writing")
"""Writing asks too: whether vectors have left the moments, before they leave the dataset, and
whether nothing is on its way, so that the files may be written at once."""

EMBEDDING_READS_BATCHES = Durable(
    "embedding", "discovery-batch", (DISCOVERY_BATCH,), watched_by=BY_WRITING_TOO
)
PROJECTION_READS_BATCHES = Durable(
    "projection", "embedding-batch", (EMBEDDING_BATCH,), watched_by=BY_WRITING_TOO
)
PROJECTION_READS_RETRACTIONS = Durable(
    "projection", "retraction", (WRITING_RETRACTION,), watched_by=BY_WRITING_TOO
)
PROJECTION_READS_COMMANDS = _commands("projection")
DISCOVERY_READS_COMMANDS = _commands("discovery")
WRITING_READS_PROJECTION = Durable(
    "writing",
    "projection",
    (PROJECTION_BATCH, PROJECTION_MODEL),
    watched_by=BY_WRITING_TOO,
    told_once_by=("projection",),
)
PROJECTION_READS_SETTLED = Durable("projection", "writing-settled", (WRITING_SETTLED,))
DISCOVERY_READS_SETTLED = Durable("discovery", "writing-settled", (WRITING_SETTLED,))
DISCOVERY_READS_DEAD_LETTERS = Durable("discovery", "dead", tuple(DEAD.values()))

BATCHES_ON_THEIR_WAY = (
    EMBEDDING_READS_BATCHES,
    PROJECTION_READS_BATCHES,
    WRITING_READS_PROJECTION,
)
"""What a batch passes until it is written."""

DURABLES = (
    EMBEDDING_READS_BATCHES,
    PROJECTION_READS_BATCHES,
    PROJECTION_READS_RETRACTIONS,
    PROJECTION_READS_COMMANDS,
    DISCOVERY_READS_COMMANDS,
    WRITING_READS_PROJECTION,
    PROJECTION_READS_SETTLED,
    DISCOVERY_READS_SETTLED,
    DISCOVERY_READS_DEAD_LETTERS,
)
PER_COLLECTION = tuple(one for one in DURABLES if one.is_per_collection)
