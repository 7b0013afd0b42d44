"""The durable consumers: each service's place in the streams that it reads."""

from dataclasses import dataclass

from shared.bus.registry.channels import (
    COMMAND_DROP,
    COMMAND_FORGET,
    COMMAND_REFIT,
    COMMAND_REPLAY,
    COMMAND_ROLLBACK,
    DEAD,
    DISCOVERY_BATCH,
    EMBEDDING_BATCH,
    PROJECTION_BATCH,
    PROJECTION_MODEL,
    WRITING_COMMITTED,
    WRITING_RETRACTION,
    Channel,
)


@dataclass(frozen=True, slots=True)
class Durable:
    """A durable consumer: one service's place in one stream, for each collection or for all."""

    service: str
    reads: str
    channels: tuple[Channel, ...]
    max_ack_pending: int = 256
    is_per_collection: bool = True
    """One consumer for all collections also gets what is meant for one that nobody serves."""

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


EMBEDDING_READS_BATCHES = Durable("embedding", "discovery-batch", (DISCOVERY_BATCH,))
PROJECTION_READS_BATCHES = Durable("projection", "embedding-batch", (EMBEDDING_BATCH,))
PROJECTION_READS_RETRACTIONS = Durable("projection", "retraction", (WRITING_RETRACTION,))
PROJECTION_READS_COMMANDS = Durable(
    "projection", "commands", (COMMAND_REFIT, COMMAND_ROLLBACK), is_per_collection=False
)
DISCOVERY_READS_COMMANDS = Durable(
    "discovery",
    "commands",
    (COMMAND_FORGET, COMMAND_REPLAY, COMMAND_DROP),
    is_per_collection=False,
)
WRITING_READS_PROJECTION = Durable("writing", "projection", (PROJECTION_BATCH, PROJECTION_MODEL))
DISCOVERY_READS_COMMITS = Durable("discovery", "writing-committed", (WRITING_COMMITTED,))
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
    DISCOVERY_READS_COMMITS,
    DISCOVERY_READS_DEAD_LETTERS,
)
