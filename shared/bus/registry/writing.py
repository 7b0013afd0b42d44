"""The rows of events about the dataset and its public files."""

from shared.bus.registry.channel import Channel, event_channel
from shared.contracts.writing import WritingCommitted, WritingPublished, WritingSettled

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
)
CHANNELS = (WRITING_COMMITTED, WRITING_PUBLISHED, WRITING_SETTLED)
