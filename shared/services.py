"""The services: the one list that all others come from.

Users of the bus and their permissions, dead letters, the local run, the check, the sections of the
configuration and the tests of every way to deploy go by it.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Stage = Literal["discovery", "embedding", "projection", "writing"]
"""Who moves batches, in the order of the data."""
Reader = Stage
"""Who reads messages in turn, and so may give one up: ``Literal[Stage, "another"]`` adds one."""
STAGES: tuple[str, ...] = get_args(Stage)
READERS: tuple[str, ...] = get_args(Reader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A package in ``services`` that runs as a process of its own."""

    name: str
    called: str = ""
    """What people know it as."""
    is_on_bus: bool = True
    """Whether it is a user of the bus: it has a status, may publish, and may read."""
    reads_public: bool = False
    """Whether it looks public streams up, without a durable consumer."""
    gives_commands: bool = False
    outlasts_input: bool = False
    """Whether a local run has it only if it goes on when all there is was mapped."""


SERVICES = (
    *(Service(name=stage, called=stage) for stage in STAGES),
    Service(
        name="gateway",
        called="HTTP gateway",
        reads_public=True,
        gives_commands=True,
        outlasts_input=True,
    ),
    Service(name="courier", called="courier", outlasts_input=True),
    Service(name="labels", called="labels of regions", reads_public=True, outlasts_input=True),
    Service(name="text2vec", called="embedded embedding server", is_on_bus=False),
)
ALL = tuple(one.name for one in SERVICES)
ON_BUS = tuple(one.name for one in SERVICES if one.is_on_bus)
