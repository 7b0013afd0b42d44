"""Which models there are, as far as whoever keeps them tells."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """A model as it is kept; nobody has looked yet whether it is one."""

    place: str
    """Where it is, for people."""
    body: bytes
    collection: str | None = None
    """Of the event that carries it; none if it is a model and nothing else."""


@dataclass(frozen=True, slots=True)
class KeptModels:
    """The models that one place keeps."""

    where: str
    """After a preposition: on the bus, in this folder."""
    current: Told | None
    """The one that the map is of."""
    every: Sequence[Told]
    """Oldest first; one may be there twice."""
    elsewhere: str
    """Where else the current one may be, if it is not here."""
