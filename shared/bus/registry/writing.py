"""The rows of events about the dataset and its public files."""

from shared.bus.registry.channel import ANYBODY, Channel, event_channel
from shared.contracts.writing import MapRemoved, WritingCommitted, WritingPublished, WritingSettled

WRITING_COMMITTED = event_channel(
    WritingCommitted, "writing", "Batches that are in the store for good."
)
WRITING_PUBLISHED = event_channel(
    WritingPublished, "writing", "The public Parquet files were replaced."
)
WRITING_SETTLED = Channel(
    WritingSettled.family,
    "SETTLED",
    "writing",
    ("discovery", "projection"),
    "What became of each batch, and what is stored of it: for the stages that keep count.",
    contract=WritingSettled,
    also_from=("discovery",),
)
MAP_REMOVED = Channel(
    MapRemoved.family,
    "POINTS",
    "writing",
    (ANYBODY,),
    "Points that left the map, source by source.",
    contract=MapRemoved,
)
CHANNELS = (MAP_REMOVED, WRITING_COMMITTED, WRITING_PUBLISHED, WRITING_SETTLED)
