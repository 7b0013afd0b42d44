"""THE table: every subject, what it carries, who writes it and who reads it.

Streams, durable consumers, the map in the README and the checks of the examples come from here;
no other module spells a subject.
"""

import re
from dataclasses import dataclass

from shared.contracts.base import Message
from shared.contracts.batches import ARROW
from shared.contracts.commands import Forget, Refit, Rollback
from shared.contracts.projection import (
    ProjectionHeld,
    ProjectionModel,
    ProjectionPreviewed,
    ProjectionRejected,
    ProjectionUpdated,
)
from shared.contracts.sources import (
    SourceCompleted,
    SourceDiscovered,
    SourceFailed,
    SourceForgotten,
    SourceRejected,
    SourceStalled,
)
from shared.contracts.writing import WritingCommitted, WritingPublished
from shared.errors import ConfigurationError

JSON = "application/json"
BYTES = "application/octet-stream"
COLLECTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Channel:
    """A family of subjects, one per collection: ``<family>.<collection>``."""

    family: str
    stream: str
    producer: str
    consumers: tuple[str, ...]
    about: str
    contract: type[Message] | None = None
    """The JSON body's model; none for Arrow batches and for dead letters' original bytes."""
    content_type: str = JSON

    def subject(self, collection: str) -> str:
        """Spell the subject of one collection."""
        return f"{self.family}.{collection}"

    @property
    def is_dead_letter(self) -> bool:
        """Whether it carries what could not be handled."""
        return self.family.startswith("dead.")

    @property
    def every_subject(self) -> str:
        """The subjects of all collections, as a wildcard."""
        return f"{self.family}.*"


DISCOVERY_BATCH = Channel(
    "discovery.batch",
    "DISCOVERY",
    "discovery",
    ("embedding",),
    "Records of one piece of a source.",
    content_type=ARROW,
)
EMBEDDING_BATCH = Channel(
    "embedding.batch",
    "EMBEDDING",
    "embedding",
    ("projection",),
    "The same records with their vectors.",
    content_type=ARROW,
)
WRITING_RETRACTION = Channel(
    "writing.retraction",
    "RETRACTIONS",
    "writing",
    ("projection",),
    "Vectors of batches that left the dataset; they leave the moments too.",
    content_type=ARROW,
)
PROJECTION_BATCH = Channel(
    "projection.batch",
    "PROJECTION",
    "projection",
    ("writing",),
    "The same records with vectors and coordinates.",
    content_type=ARROW,
)
PROJECTION_MODEL = Channel(
    "projection.model",
    "PROJECTION",
    "projection",
    ("writing",),
    "The model that all later batches use, in order with them.",
    contract=ProjectionModel,
)
SOURCE_DISCOVERED = Channel(
    "source.discovered",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A source is complete and will be read.",
    contract=SourceDiscovered,
)
SOURCE_COMPLETED = Channel(
    "source.completed",
    "EVENTS",
    "discovery",
    ("anybody",),
    "Every record of a source is mapped or dead-lettered.",
    contract=SourceCompleted,
)
SOURCE_FAILED = Channel(
    "source.failed",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A source could not be read.",
    contract=SourceFailed,
)
SOURCE_STALLED = Channel(
    "source.stalled",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A source's numbers have not changed for long, and which stage holds it.",
    contract=SourceStalled,
)
SOURCE_FORGOTTEN = Channel(
    "source.forgotten",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A source's records were taken off the map, as asked for.",
    contract=SourceForgotten,
)
SOURCE_REJECTED = Channel(
    "source.rejected",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A command about a source that could not be carried out, and why.",
    contract=SourceRejected,
)
PROJECTION_UPDATED = Channel(
    "projection.updated",
    "EVENTS",
    "projection",
    ("anybody",),
    "A new model, whole, for anybody's own vectors.",
    contract=ProjectionUpdated,
)
PROJECTION_HELD = Channel(
    "projection.held",
    "EVENTS",
    "projection",
    ("anybody",),
    "A refit that would move points too far; nothing has changed.",
    contract=ProjectionHeld,
)
PROJECTION_PREVIEWED = Channel(
    "projection.previewed",
    "EVENTS",
    "projection",
    ("anybody",),
    "What a refit would bring, as asked for.",
    contract=ProjectionPreviewed,
)
PROJECTION_REJECTED = Channel(
    "projection.rejected",
    "EVENTS",
    "projection",
    ("anybody",),
    "A command that could not be carried out, and why.",
    contract=ProjectionRejected,
)
WRITING_COMMITTED = Channel(
    "writing.committed",
    "EVENTS",
    "writing",
    ("discovery", "anybody"),
    "Batches that are in the store for good.",
    contract=WritingCommitted,
)
WRITING_PUBLISHED = Channel(
    "writing.published",
    "EVENTS",
    "writing",
    ("anybody",),
    "The public Parquet files were replaced.",
    contract=WritingPublished,
)
MAP_POINTS = Channel(
    "map.points",
    "POINTS",
    "writing",
    ("anybody",),
    "Points that were committed, without text and vectors.",
    content_type=ARROW,
)
COMMAND_REFIT = Channel(
    "command.refit",
    "COMMANDS",
    "anybody",
    ("projection",),
    "Fit the projection to everything counted so far.",
    contract=Refit,
)
COMMAND_ROLLBACK = Channel(
    "command.rollback",
    "COMMANDS",
    "anybody",
    ("projection",),
    "Make an older model current again.",
    contract=Rollback,
)
COMMAND_FORGET = Channel(
    "command.forget",
    "COMMANDS",
    "anybody",
    ("discovery",),
    "Take a source's records off the map and out of the model.",
    contract=Forget,
)


def _dead(stage: str) -> Channel:
    return Channel(
        f"dead.{stage}",
        "DEAD_LETTERS",
        stage,
        ("discovery",),
        f"What {stage} could not handle, with the reason.",
        content_type=BYTES,
    )


DEAD_DISCOVERY = _dead("discovery")
DEAD_EMBEDDING = _dead("embedding")
DEAD_PROJECTION = _dead("projection")
DEAD_WRITING = _dead("writing")
DEAD = {
    channel.producer: channel
    for channel in (DEAD_DISCOVERY, DEAD_EMBEDDING, DEAD_PROJECTION, DEAD_WRITING)
}

CHANNELS = (
    DISCOVERY_BATCH,
    EMBEDDING_BATCH,
    WRITING_RETRACTION,
    PROJECTION_BATCH,
    PROJECTION_MODEL,
    SOURCE_DISCOVERED,
    SOURCE_COMPLETED,
    SOURCE_FAILED,
    SOURCE_STALLED,
    SOURCE_FORGOTTEN,
    SOURCE_REJECTED,
    PROJECTION_UPDATED,
    PROJECTION_HELD,
    PROJECTION_PREVIEWED,
    PROJECTION_REJECTED,
    WRITING_COMMITTED,
    WRITING_PUBLISHED,
    MAP_POINTS,
    COMMAND_REFIT,
    COMMAND_ROLLBACK,
    COMMAND_FORGET,
    *DEAD.values(),
)


def is_collection(name: str) -> bool:
    """Tell whether a collection may have this name."""
    return COLLECTION.fullmatch(name) is not None


def check_collection(name: str) -> str:
    """Return the name if a collection may have it.

    Raises:
        ConfigurationError: It cannot be a token of a subject.
    """
    if not is_collection(name):
        raise ConfigurationError(
            f"'{name}' cannot name a collection: use 1 to 63 of a-z, 0-9, '_' and '-', "
            "beginning with a letter or digit"
        )
    return name
