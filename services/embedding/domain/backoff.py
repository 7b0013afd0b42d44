"""How long to wait before the next try, and what is known about the server's health."""

from dataclasses import dataclass, field

LONGEST_RETRY_AFTER_S = 300.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """A pause that doubles with every failure, up to a limit."""

    first_s: float = 0.5
    longest_s: float = 30.0
    tries_when_ambiguous: int = 2
    """How often an error that may be passing or permanent is tried again before it is blamed on
    the texts."""
    refusals_to_blame: int = 2
    """How often a lone text must be refused, the server being well before and after each time,
    until it is blamed: a server that comes and goes must not make sound texts dead letters."""

    def pause_s(self, failures: int, *, jitter: float, asked_s: float | None) -> float:
        """Choose a pause.

        Args:
            failures: How often in a row it has failed; at least 1.
            jitter: Between 0 and 1; spreads the tries of several processes.
            asked_s: What the server asked for (``Retry-After``), if it did.

        Returns:
            Seconds: at least what was asked for (within reason); else between half the current
            step and the whole of it.
        """
        step = min(self.first_s * 2.0 ** min(failures - 1, 32), self.longest_s)
        pause = step * (0.5 + jitter / 2)
        if asked_s is not None:
            pause = max(pause, min(asked_s, LONGEST_RETRY_AFTER_S))
        return pause


@dataclass(slots=True)
class ServerHealth:
    """What the service knows about its embedding server; shown in its status."""

    blocked: str | None = None
    """Why nothing can be embedded at present, if so."""
    texts: int = 0
    recalled: int = 0
    rejected: int = 0
    dimensions: dict[str, int] = field(default_factory=dict)
    """Of the vectors of each collection, as far as known."""


@dataclass(slots=True)
class Healths:
    """What the service knows about the embedding servers of its collections."""

    of: dict[str, ServerHealth] = field(default_factory=dict)
    """By collection: one whose server is away is blocked alone."""
    _left: ServerHealth = field(default_factory=ServerHealth)

    def leave(self, collection: str) -> None:
        """Keep the counts of a collection that is worked on no more, and nothing else."""
        health = self.of.pop(collection)
        self._left.texts += health.texts
        self._left.recalled += health.recalled
        self._left.rejected += health.rejected

    @property
    def together(self) -> ServerHealth:
        """All of them as one; it names the blocked collections if others are well."""
        blocked = self.blocked_collections
        reasons = dict.fromkeys(blocked.values())
        told = "; ".join(reasons) or None
        if told and len(blocked) < len(self.of):
            told = f"{', '.join(sorted(blocked))}: {told}"
        every = (self._left, *self.of.values())
        return ServerHealth(
            blocked=told,
            texts=sum(one.texts for one in every),
            recalled=sum(one.recalled for one in every),
            rejected=sum(one.rejected for one in every),
            dimensions={name: d for one in every for name, d in one.dimensions.items()},
        )

    @property
    def blocked_collections(self) -> dict[str, str]:
        """Why nothing can be embedded of those of which that is so."""
        return {name: one.blocked for name, one in self.of.items() if one.blocked}
