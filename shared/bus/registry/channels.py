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
    jobs,
    labels,
    projection,
    sources,
    writing,
)

CHANNELS = (
    *batches.CHANNELS,
    *collections.CHANNELS,
    *sources.CHANNELS,
    *jobs.CHANNELS,
    *projection.CHANNELS,
    *writing.CHANNELS,
    *labels.CHANNELS,
    *commands.CHANNELS,
    *audit.CHANNELS,
    *dead_letters.CHANNELS,
)
OF_A_COLLECTION = tuple(
    one for one in CHANNELS if not one.is_command and one is not audit.AUDIT_COMMAND
)
"""What goes when a collection is deleted: all but commands, which are answered, and the audit."""
BY_FAMILY = {channel.family: channel for channel in CHANNELS}
