"""Where the logs are that come with the program."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ExampleLog:
    """A log to try things with."""

    name: str
    body: bytes


class ExampleShelf(Protocol):
    """The logs that come with the program."""

    async def logs(self) -> list[ExampleLog]:
        """Return all of them, in the order of their names; none, if they were not installed.

        Raises:
            TransientError: They cannot be read.
        """
        ...
