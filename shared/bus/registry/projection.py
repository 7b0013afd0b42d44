"""The rows of models, and of events about them."""

from shared.bus.registry.channel import Channel, event_channel
from shared.contracts.projection import (
    ProjectionHeld,
    ProjectionModel,
    ProjectionPreviewed,
    ProjectionRejected,
    ProjectionUpdated,
)

PROJECTION_MODEL = Channel(
    "projection.model",
    "PROJECTION",
    "projection",
    ("writing",),
    "The model that all later batches use, in order with them.",
    contract=ProjectionModel,
)
PROJECTION_UPDATED = event_channel(
    ProjectionUpdated,
    "projection",
    "A new model, whole, for anybody's own vectors.",
    looked_up_by=("embedding",),
)
PROJECTION_HELD = event_channel(
    ProjectionHeld, "projection", "A refit that would move points too far; nothing has changed."
)
PROJECTION_PREVIEWED = event_channel(
    ProjectionPreviewed, "projection", "What a refit would bring, as asked for."
)
PROJECTION_REJECTED = event_channel(
    ProjectionRejected, "projection", "A command that could not be carried out, and why."
)
CHANNELS = (
    PROJECTION_MODEL,
    PROJECTION_UPDATED,
    PROJECTION_HELD,
    PROJECTION_PREVIEWED,
    PROJECTION_REJECTED,
)
