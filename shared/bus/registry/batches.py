"""The rows of Arrow batches: what passes from stage to stage, and the points of the map."""

from shared.bus.registry.channel import ANYBODY, Channel
from shared.contracts.batches import (
    POINT_SCHEMA,
    RECORD_SCHEMA,
    embedded_schema,
    projected_schema,
    retraction_schema,
)

DISCOVERY_BATCH = Channel(
    "discovery.batch",
    "DISCOVERY",
    "discovery",
    ("embedding",),
    "Records of one piece of a source.",
    columns=lambda _: RECORD_SCHEMA,
    id_prefix="discovery",
)
EMBEDDING_BATCH = Channel(
    "embedding.batch",
    "EMBEDDING",
    "embedding",
    ("projection",),
    "The same records with their vectors.",
    columns=embedded_schema,
    also_from=("discovery",),
    id_prefix="embedding",
)
WRITING_RETRACTION = Channel(
    "writing.retraction",
    "RETRACTIONS",
    "writing",
    ("projection",),
    "Vectors of batches that left the dataset; they leave the moments too.",
    columns=retraction_schema,
    also_from=("discovery",),
)
PROJECTION_BATCH = Channel(
    "projection.batch",
    "PROJECTION",
    "projection",
    ("writing",),
    "The same records with vectors and coordinates.",
    columns=projected_schema,
    also_from=("discovery",),
    id_prefix="projection",
)
MAP_POINTS = Channel(
    "map.points",
    "POINTS",
    "writing",
    (ANYBODY,),
    "Points that were committed, without text and vectors.",
    columns=lambda _: POINT_SCHEMA,
    id_prefix="writing",
)
CHANNELS = (DISCOVERY_BATCH, EMBEDDING_BATCH, WRITING_RETRACTION, PROJECTION_BATCH, MAP_POINTS)
