"""THE table: every subject, what it carries, who writes it and who reads it.

Its rows stand beside it, in a module for each kind of contract. Streams, durable consumers,
permissions, the ids of messages, the reference and the checks of the examples come from here; no
other module spells a subject.
"""

from shared.bus.registry import (
    audit,
    batches,
    collections,
    commands,
    dead_letters,
    projection,
    sources,
    writing,
)

CHANNELS = (
    *batches.CHANNELS,
    *collections.CHANNELS,
    *sources.CHANNELS,
    *projection.CHANNELS,
    *writing.CHANNELS,
    *commands.CHANNELS,
    *audit.CHANNELS,
    *dead_letters.CHANNELS,
)
BY_FAMILY = {channel.family: channel for channel in CHANNELS}
