"""Which collections there are, in memory."""

from collections.abc import Iterable

from shared.errors import TransientError


class FakeRoster:
    """Knows the names that it is given."""

    def __init__(self, names: Iterable[str] = (), *, failures: int = 0) -> None:
        self.names = set(names)
        self.failures = failures
        self.elsewhere: set[str] = set()
        """Those that another replica works on."""

    async def has(self, collection: str) -> bool:
        if self.failures > 0:
            self.failures -= 1
            raise TransientError("discovery does not answer")
        return collection in self.names

    def is_elsewhere(self, collection: str) -> bool:
        return collection in self.elsewhere
