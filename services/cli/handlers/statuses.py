"""What the services tell of themselves: who answers, and which collections they serve."""

from collections.abc import Sequence
from typing import TypeVar

from shared.contracts.status_reading import Statuses
from shared.contracts.statuses import Status
from shared.errors import ConfigurationError

Kind = TypeVar("Kind")
ABSENT = "absent"


def remembering(before: Statuses, now: Statuses) -> dict[str, list[Status]]:
    """Keep what a service told last while it does not answer, with the state absent.

    A service that is being started again, or is late once, has not lost its records.
    """
    silent: dict[str, list[Status]] = {
        name: [one.model_copy(update={"state": ABSENT}) for one in told]
        for name, told in before.items()
        if name not in now
    }
    return silent | {name: list(told) for name, told in now.items()}


def served_collections(statuses: Statuses) -> list[str]:
    """List the collections that at least one service says it serves."""
    told = (one for instances in statuses.values() for one in instances)
    return sorted({name for one in told for name in one.collections})


def told_of(statuses: Statuses, collection: str, kind: type[Kind]) -> Kind | None:
    """Return what some service tells of a collection, of this kind; none if none does."""
    told = (one.collections.get(collection) for some in statuses.values() for one in some)
    return next((one for one in told if isinstance(one, kind)), None)


def choose_collection(given: str | None, served: Sequence[str], configured: Sequence[str]) -> str:
    """Choose the collection that a command is about.

    Args:
        given: The one that was asked for, if any.
        served: Those that the services serve; empty if none has told.
        configured: Those of the configuration, if no service has told.

    Raises:
        ConfigurationError: Nobody serves it, or there are several and none was asked for.
    """
    known = served or configured
    if given is not None:
        if served and given not in served:
            raise ConfigurationError(
                f"nobody serves collection '{given}'; served: {', '.join(served)}"
            )
        return given
    if len(known) != 1:
        raise ConfigurationError(f"choose one with --collection: {', '.join(known)}")
    return known[0]
