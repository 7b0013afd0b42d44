"""Says that the public files are to be written again, and how soon."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from shared.observability.tracing import Trace

MOST_CAUSES = 128
"""OpenTelemetry keeps as many links of a span, unless told otherwise."""


@dataclass(slots=True)
class SnapshotTrigger:
    """Whether the public files have to be written again."""

    requested: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the dataset changed; cleared when the files are about to be written."""
    is_urgent: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the share of time does not count: somebody asked for a refit and waits for it."""
    is_fresh: bool = False
    """Whether the files show the dataset as it is."""
    changes: int = 0
    """How often the files were requested: while it stays, nothing is written."""
    causes: deque[Trace] = field(default_factory=lambda: deque(maxlen=MOST_CAUSES))
    """Where in their traces the newest changes were made that the files do not show yet."""

    def caused_by(self, trace: Trace | None) -> None:
        """Note where a change was made, if it is traced."""
        if trace is not None:
            self.causes.append(trace)

    def request(self, *, is_urgent: bool = False) -> None:
        """Have the files written again."""
        self.is_fresh = False
        self.changes += 1
        if is_urgent:
            self.is_urgent.set()
        self.requested.set()

    def take(self) -> list[Trace]:
        """Begin to write them; returns the changes that they are about to show, each once."""
        self.requested.clear()
        self.is_urgent.clear()
        causes = list(self.causes)
        self.causes.clear()
        return causes
