"""How soon a process that ended is started again, and when that is given up."""

from dataclasses import dataclass


@dataclass(slots=True)
class RestartPause:
    """A pause that doubles while a process keeps ending soon after its start."""

    first_s: float = 0.5
    longest_s: float = 10.0
    healthy_after_s: float = 15.0
    short_lives: int = 8
    """So many in a row are a fault that another start does not cure."""
    _ended_early: int = 0

    def after(self, lived_s: float) -> float | None:
        """Choose the pause after a process that lived so long; None: give it up."""
        self._ended_early = 0 if lived_s >= self.healthy_after_s else self._ended_early + 1
        if self._ended_early >= self.short_lives:
            return None
        return min(self.first_s * 2.0 ** max(0, self._ended_early - 1), self.longest_s)
