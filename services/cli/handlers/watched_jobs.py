"""Follows jobs until they have ended, whoever is away meanwhile."""

from collections.abc import Awaitable, Callable, Sequence

from shared.contracts.jobs import JobPage, JobRecord
from shared.errors import TransientError


class NoJobError(TransientError):
    """There is no job of this id."""


class Watched:
    """Jobs that are looked at again and again."""

    def __init__(
        self,
        find: Callable[[str], Awaitable[JobPage]],
        ids: Sequence[str],
        tell: Callable[[str], object],
    ) -> None:
        """Take what it needs.

        Args:
            find: Returns a page with the job of an id.
            ids: Of those that are watched.
            tell: Is told, once each time, that nobody answers.
        """
        self._find = find
        self._ids = ids
        self._tell = tell
        self._found: Sequence[JobRecord] | None = None
        self._is_waiting = False

    async def look(self) -> Sequence[JobRecord]:
        """Return how they are; while nobody answers, how they were.

        Raises:
            ConfigurationError: One is no id of a job.
            TransientError: Nobody answers the first time, or there is no such job.
        """
        try:
            self._found = [(await self._find(one)).items[0] for one in self._ids]
            self._is_waiting = False
        except NoJobError:
            raise
        except TransientError as error:
            if self._found is None:
                raise
            if not self._is_waiting:
                self._tell(f"{error}; the jobs go on when it is back: waiting\n")
            self._is_waiting = True
        return self._found
