"""Times the work inside handlers and loops, for metrics and traces."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from shared.observability import metrics, tracing

Step = Literal["embed", "project", "checkpoint", "commit", "move", "snapshot"]


@contextmanager
def step(name: Step) -> Iterator[None]:
    """Note how long a step takes, also if it fails."""
    with metrics.STEPS.timed(step=name), tracing.span(name):
        yield
