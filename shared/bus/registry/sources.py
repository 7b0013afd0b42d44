"""The rows of events about sources."""

from shared.bus.registry.channel import event_channel
from shared.contracts.sources import (
    SourceCompleted,
    SourceDiscovered,
    SourceFailed,
    SourceForgotten,
    SourceGone,
    SourceRejected,
    SourceReturned,
    SourceStalled,
)
from shared.contracts.uploads import SourceUploaded

SOURCE_DISCOVERED = event_channel(
    SourceDiscovered, "discovery", "A source is complete and will be read."
)
SOURCE_COMPLETED = event_channel(
    SourceCompleted, "discovery", "Every record of a source is mapped or dead-lettered."
)
SOURCE_FAILED = event_channel(SourceFailed, "discovery", "A source could not be read.")
SOURCE_STALLED = event_channel(
    SourceStalled,
    "discovery",
    "A source's numbers have not changed for long, and which stage holds it.",
)
SOURCE_GONE = event_channel(
    SourceGone, "discovery", "A source that was mapped is not there any more."
)
SOURCE_RETURNED = event_channel(
    SourceReturned, "discovery", "A source that was gone is there again."
)
SOURCE_FORGOTTEN = event_channel(
    SourceForgotten, "discovery", "A source's records were taken off the map, as asked for."
)
SOURCE_UPLOADED = event_channel(
    SourceUploaded, "discovery", "A file that was handed in is a source of its collection."
)
SOURCE_REJECTED = event_channel(
    SourceRejected,
    "discovery",
    "A command about a source that could not be carried out, and why.",
)
CHANNELS = (
    SOURCE_DISCOVERED,
    SOURCE_COMPLETED,
    SOURCE_FAILED,
    SOURCE_STALLED,
    SOURCE_GONE,
    SOURCE_RETURNED,
    SOURCE_FORGOTTEN,
    SOURCE_UPLOADED,
    SOURCE_REJECTED,
)
