"""THE table: every subject, what it carries, who writes it and who reads it.

Streams, durable consumers, the map in the README and the checks of the examples come from here;
no other module spells a subject.
"""

from shared.bus.registry.channel import BYTES, Channel
from shared.contracts import projection, sources
from shared.contracts.audit import CommandAudited
from shared.contracts.batches import ARROW
from shared.contracts.commands import Drop, Forget, Refit, Replay, Rollback
from shared.contracts.letters import LettersDropped, LettersReplayed
from shared.contracts.writing import WritingCommitted, WritingPublished

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
    also_from=("discovery",),
)
WRITING_RETRACTION = Channel(
    "writing.retraction",
    "RETRACTIONS",
    "writing",
    ("projection",),
    "Vectors of batches that left the dataset; they leave the moments too.",
    content_type=ARROW,
    also_from=("discovery",),
)
PROJECTION_BATCH = Channel(
    "projection.batch",
    "PROJECTION",
    "projection",
    ("writing",),
    "The same records with vectors and coordinates.",
    content_type=ARROW,
    also_from=("discovery",),
)
PROJECTION_MODEL = Channel(
    "projection.model",
    "PROJECTION",
    "projection",
    ("writing",),
    "The model that all later batches use, in order with them.",
    contract=projection.ProjectionModel,
)
SOURCE_DISCOVERED = Channel(
    "source.discovered",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A source is complete and will be read.",
    contract=sources.SourceDiscovered,
)
SOURCE_COMPLETED = Channel(
    "source.completed",
    "EVENTS",
    "discovery",
    ("anybody",),
    "Every record of a source is mapped or dead-lettered.",
    contract=sources.SourceCompleted,
)
SOURCE_FAILED = Channel(
    "source.failed",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A source could not be read.",
    contract=sources.SourceFailed,
)
SOURCE_STALLED = Channel(
    "source.stalled",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A source's numbers have not changed for long, and which stage holds it.",
    contract=sources.SourceStalled,
)
SOURCE_GONE = Channel(
    "source.gone",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A source that was mapped is not there any more.",
    contract=sources.SourceGone,
)
SOURCE_RETURNED = Channel(
    "source.returned",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A source that was gone is there again.",
    contract=sources.SourceReturned,
)
SOURCE_FORGOTTEN = Channel(
    "source.forgotten",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A source's records were taken off the map, as asked for.",
    contract=sources.SourceForgotten,
)
SOURCE_REJECTED = Channel(
    "source.rejected",
    "EVENTS",
    "discovery",
    ("anybody",),
    "A command about a source that could not be carried out, and why.",
    contract=sources.SourceRejected,
)
LETTERS_REPLAYED = Channel(
    "letters.replayed",
    "EVENTS",
    "discovery",
    ("anybody",),
    "Dead letters were sent again, as asked for; and which could not be, and why.",
    contract=LettersReplayed,
)
LETTERS_DROPPED = Channel(
    "letters.dropped",
    "EVENTS",
    "discovery",
    ("anybody",),
    "Dead letters were given up for good, as asked for.",
    contract=LettersDropped,
)
PROJECTION_UPDATED = Channel(
    "projection.updated",
    "EVENTS",
    "projection",
    ("anybody",),
    "A new model, whole, for anybody's own vectors.",
    contract=projection.ProjectionUpdated,
)
PROJECTION_HELD = Channel(
    "projection.held",
    "EVENTS",
    "projection",
    ("anybody",),
    "A refit that would move points too far; nothing has changed.",
    contract=projection.ProjectionHeld,
)
PROJECTION_PREVIEWED = Channel(
    "projection.previewed",
    "EVENTS",
    "projection",
    ("anybody",),
    "What a refit would bring, as asked for.",
    contract=projection.ProjectionPreviewed,
)
PROJECTION_REJECTED = Channel(
    "projection.rejected",
    "EVENTS",
    "projection",
    ("anybody",),
    "A command that could not be carried out, and why.",
    contract=projection.ProjectionRejected,
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
COMMAND_REPLAY = Channel(
    "command.replay",
    "COMMANDS",
    "anybody",
    ("discovery",),
    "Try dead letters again.",
    contract=Replay,
)
COMMAND_DROP = Channel(
    "command.drop",
    "COMMANDS",
    "anybody",
    ("discovery",),
    "Give dead letters up for good.",
    contract=Drop,
)

AUDIT_COMMAND = Channel(
    "audit.command",
    "AUDIT",
    "discovery",
    (),
    "A command that was settled: who gave it, and what became of it. For those who operate.",
    contract=CommandAudited,
    also_from=("projection",),
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
DEAD_STREAM = DEAD_DISCOVERY.stream
EVERY_DEAD = _dead("*")
"""No channel of its own: the letters of all stages, to be asked for together."""
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
    SOURCE_GONE,
    SOURCE_RETURNED,
    SOURCE_FORGOTTEN,
    SOURCE_REJECTED,
    LETTERS_REPLAYED,
    LETTERS_DROPPED,
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
    COMMAND_REPLAY,
    COMMAND_DROP,
    AUDIT_COMMAND,
    *DEAD.values(),
)
