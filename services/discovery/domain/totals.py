"""What the accounts of a collection come to."""

from dataclasses import dataclass

from services.discovery.domain.ledger import Status


@dataclass(frozen=True, slots=True)
class Totals:
    """A collection's ledger in one line."""

    sources: dict[Status, int]
    seen: int
    mapped: int
    dead: int
    in_flight: int
    """On their way, or staged: not on the map yet."""
    dropped: int
    """Of the dead: those that somebody gave up for good."""
    held: int = 0
    """Of those in flight: staged ones of versions that are held back."""
