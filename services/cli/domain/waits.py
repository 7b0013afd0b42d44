"""What the services wait for: why, and since when."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.cli.domain.statuses import Status

RUNNING = "running"
STANDBY = "standby"


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that a stage waits for, or tries again."""

    stage: str
    what: str
    reason: str
    since: str
    """UTC, as ISO 8601."""

    @property
    def text(self) -> str:
        """What and why, in a line."""
        return f"{self.what}: {self.reason}"

    @property
    def sentence(self) -> str:
        """The same, and since when."""
        return f"{self.text} (since {self.since[:19]}Z)"

    @property
    def told(self) -> dict[str, str]:
        """What ``--json`` prints."""
        return {
            "stage": self.stage,
            "what": self.what,
            "reason": self.reason,
            "since": self.since,
        }


def waits_of(statuses: Mapping[str, Sequence[Status]]) -> Iterator[Wait]:
    """List what every service waits for, each thing of each service once."""
    for stage, instances in sorted(statuses.items()):
        is_served = any(one.get("state") == RUNNING for one in instances)
        seen = set()
        for one in instances:
            if is_served and one.get("state") == STANDBY:  # it waits for the other to end
                continue
            for wait in one.get("waits") or ():
                what = str(wait.get("what", ""))
                if what not in seen:
                    seen.add(what)
                    yield Wait(stage, what, str(wait["reason"]), str(wait["since"]))


def bus_away(reason: str, since: datetime) -> Wait:
    """Say that nobody can be asked."""
    return Wait("bus", "asking the services", reason, since.isoformat())
