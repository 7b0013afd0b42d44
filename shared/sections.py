"""The sections of the configuration; written by `make readme` from the services' settings."""

SECTIONS = frozenset(
    {
        "analysis",
        "blobs",
        "collections",
        "courier",
        "embedding",
        "gateway",
        "health",
        "ingestion",
        "labels",
        "log",
        "nats",
        "output",
        "projection",
        "readable_by",
        "retention",
        "state",
        "text2vec",
        "tracing",
    }
)
"""With the fields that stand alone."""
