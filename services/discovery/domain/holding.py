"""When a version is held back instead of being shown, since too much of it died."""

from services.discovery.domain.ledger import SourceRecord


def most_dead(seen: int, share: float | None) -> int:
    """Return how many of so many records may be dead in a version that is shown; None: all."""
    # What a person writes as 0.3 is a little less than that.
    return seen if share is None else int(seen * share + 1e-9)


def least_alive(seen: int, share: float | None) -> int:
    """Return how many of so many records must be alive for a version to be shown."""
    return seen - most_dead(seen, share)


def is_too_dead(source: SourceRecord) -> bool:
    """Tell whether more died of a version than may; what somebody gave up is not missed."""
    return source.dead - source.dropped > most_dead(source.seen, source.max_dead_share)


def why_held(source: SourceRecord) -> str:
    """Say of a version that is held back why, and what to do."""
    dead = source.dead - source.dropped
    kept = f"the {source.replaces:,} records" if source.replaces else "those"
    return (
        f"version {source.source_version} was read, but {dead:,} of its {source.seen:,} records "
        f"are dead letters, more than ingestion.max_dead_share {source.max_dead_share:g} allows: "
        f"{kept} of the version before stay on the map. mapstream dead list says why they died; "
        "then have them sent again (mapstream dead replay), give them up (mapstream dead drop), "
        "or put the source right"
    )
