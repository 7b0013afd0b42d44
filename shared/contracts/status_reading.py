"""Reads what services tell of themselves: the one door for statuses."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from shared.contracts.statuses import STATUSES, Status, UnreadableStatus, Wait

RUNNING = "running"
STANDBY = "standby"

Statuses = Mapping[str, Sequence[Status]]
"""Service to what its instances tell."""
Known = TypeVar("Known", bound=Status)


class Waiting(Wait):
    """Something that a service waits for, or tries again and again."""

    stage: str = Field(description="The service.")


def read_status(service: str, told: object) -> Status:
    """Read what an instance of a service tells; another shape is named, and nobody fails over it.

    Returns:
        The contract of that service, or ``UnreadableStatus`` with the first mistake.
    """
    try:
        return STATUSES.get(service, Status).model_validate(told)
    except ValidationError as error:
        mistake = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in mistake["loc"])
        return UnreadableStatus(service=service, unreadable=f"{where}: {mistake['msg']}")


def statuses_of(statuses: Statuses, kind: type[Known]) -> Iterator[Known]:
    """Give the statuses of the service that tells this kind, as far as they can be read."""
    return (one for some in statuses.values() for one in some if isinstance(one, kind))


def is_running(instances: Sequence[Status]) -> bool:
    """Tell whether an instance works; a standby beside it is no trouble."""
    return any(one.state == RUNNING for one in instances)


def waits_of(statuses: Statuses) -> list[Waiting]:
    """List what every service waits for, each thing of each service once.

    A standby beside its owner is well: it waits for the other to end.
    """
    found: dict[tuple[str, str], Waiting] = {}
    for stage, instances in sorted(statuses.items()):
        is_served = is_running(instances)
        for one in instances:
            if is_served and one.state == STANDBY:
                continue
            for wait in one.waits:
                found.setdefault((stage, wait.what), waiting(stage, wait))
    return list(found.values())


def waiting(stage: str, wait: Wait) -> Waiting:
    """Say whose wait it is."""
    fields: dict[str, Any] = {"what": wait.what, "reason": wait.reason, "since": wait.since}
    return Waiting(stage=stage, **fields)
