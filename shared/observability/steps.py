"""Times the work inside handlers and loops."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from shared.observability import metrics

Step = Literal["read", "embed", "project", "checkpoint", "commit", "move", "snapshot"]


@contextmanager
def step(name: Step) -> Iterator[None]:
    """Note how long a step takes, also if it fails."""
    with metrics.STEPS.timed(step=name):
        yield
