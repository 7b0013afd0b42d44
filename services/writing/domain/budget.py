"""How often the public files may be written: a share of the time, so that ingestion goes on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SnapshotBudget:
    """Writing the files takes at most ``share`` of the time.

    A small map is written in milliseconds, so it is fresh after ``min_interval_s``; a large one
    is written less often by itself.
    """

    share: float = 0.1
    min_interval_s: float = 0.5
    quiet: float = 1.0
    """The share protects other work: it does not count when there was none for so many times as
    long as writing the files takes."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or self.min_interval_s < 0 or self.quiet < 0:
            raise ValueError(f"no such budget: {self}")

    def next_start_s(self, ended_s: float, took_s: float) -> float:
        """Return when the next snapshot may start.

        Args:
            ended_s: When the last one ended, on any clock.
            took_s: How long it took.
        """
        return ended_s + max(self.min_interval_s, took_s * (1 / self.share - 1))

    def quiet_s(self, took_s: float) -> float:
        """Return for how long nothing else must have been done, for the share not to count."""
        return self.quiet * took_s
