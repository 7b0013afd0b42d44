"""What others have of a collection, in memory."""

from typing import TYPE_CHECKING

from shared.contracts.collections import CollectionRecord
from shared.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeRemains:
    """Notes what is asked for; each step fails as often as ``failures`` says."""

    def __init__(self, **failures: int) -> None:
        self.failures = failures
        self.done: list[str] = []
        self.when: Callable[[str], None] = lambda _: None
        """Called with each step, before it is noted."""

    async def leave_stages(self, record: CollectionRecord) -> None:
        self._do("leave_stages", record.id)

    async def remove_consumers(self, collection: str) -> None:
        self._do("remove_consumers", collection)

    async def purge(self, collection: str, *, is_ended: bool = False) -> None:
        self._do("purge_late" if is_ended else "purge", collection)

    def _do(self, step: str, what: str) -> None:
        self.when(step)
        if self.failures.get(step, 0):
            self.failures[step] -= 1
            raise TransientError(f"{step} of {what}: not yet")
        self.done.append(f"{step} {what}")
