"""What became of a command: rules on states and versions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class State(StrEnum):
    """Where an operation stands."""

    PENDING = "pending"
    DONE = "done"
    HELD = "held"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Verdict(Generic[Answer]):
    """What an answering event means, and the event itself."""

    state: State
    answer: Answer
    version: int | None = None
    """The model that readers must be able to see before it counts as done."""


@dataclass(frozen=True, slots=True)
class Progress(Generic[Answer]):
    """What is known of one operation."""

    verdict: Verdict[Answer] | None = None
    readable: int = 0
    """The newest model that the public files are known to have."""

    @property
    def state(self) -> State:
        """Where the operation stands for somebody who reads the files."""
        if self.verdict is None or (self.verdict.version or 0) > self.readable:
            return State.PENDING
        return self.verdict.state
