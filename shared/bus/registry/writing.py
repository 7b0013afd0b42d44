"""The rows of events about the dataset and its public files."""

from shared.bus.registry.channel import ANYBODY, event_channel
from shared.contracts.writing import WritingCommitted, WritingPublished

WRITING_COMMITTED = event_channel(
    WritingCommitted,
    "writing",
    "Batches that are in the store for good.",
    consumers=("discovery", ANYBODY),
)
WRITING_PUBLISHED = event_channel(
    WritingPublished, "writing", "The public Parquet files were replaced."
)
CHANNELS = (WRITING_COMMITTED, WRITING_PUBLISHED)
