"""Who may be connected: so many at a time, and of one network so many.

Where there is no room, the connection goes that has made us wait longest, of those that have no
whole request with us: of the newcomer's own network if that one is full, else of the network that
has most. So connections that only wait never keep anybody out.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar


class Seat(Protocol):
    """One connection, as far as its place counts."""

    @property
    def waits_since_s(self) -> float | None:
        """Since when we wait for a whole request of it; nothing while we work on one."""
        ...


class FullError(Exception):
    """There is no room, and nobody may be sent away for the newcomer."""

    def __init__(self, *, is_network: bool) -> None:
        super().__init__("too many connections" + (" of this address" if is_network else ""))
        self.is_network = is_network


S = TypeVar("S", bound=Seat)


class Seats(Generic[S]):
    """The connections of a server, by network."""

    def __init__(self, most: int, most_per_network: int) -> None:
        self._most = most
        self._most_per_network = most_per_network
        self._taken: defaultdict[str, dict[S, None]] = defaultdict(dict)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, network: str) -> int:
        """Return how many a network has."""
        return len(self._taken.get(network, ()))

    def all(self) -> list[S]:
        """Return every connection."""
        return [seat for seats in self._taken.values() for seat in seats]

    def victim_for(self, network: str, *, is_limited: bool = True) -> S | None:
        """Return who has to leave before this network may take one more; nobody if there is room.

        Args:
            network: The newcomer's.
            is_limited: Whether the limit per network counts for it.

        Raises:
            FullError: There is no room, and all that could leave are being worked for.
        """
        if is_limited and self.of(network) >= self._most_per_network:
            victim = _longest_waiting(self._taken[network])
            if victim is None:
                raise FullError(is_network=True)
            return victim
        return self.victim() if self._count >= self._most else None

    def victim(self) -> S:
        """Return the longest waiting connection of the network that has most.

        Raises:
            FullError: None of all waits.
        """
        for seats in sorted(self._taken.values(), key=len, reverse=True):
            victim = _longest_waiting(seats)
            if victim is not None:
                return victim
        raise FullError(is_network=False)

    def take(self, network: str, seat: S) -> None:
        """Note a connection."""
        self._count += seat not in self._taken[network]
        self._taken[network][seat] = None

    def leave(self, network: str, seat: S) -> None:
        """Forget a connection; a second time does nothing."""
        seats = self._taken.get(network, {})
        if seat in seats:
            del seats[seat]
            self._count -= 1
        if not seats:
            self._taken.pop(network, None)


def _longest_waiting(seats: Iterable[S]) -> S | None:
    waiting = [
        (since_s, number, seat)
        for number, seat in enumerate(seats)
        if (since_s := seat.waits_since_s) is not None
    ]
    return min(waiting, default=(0, 0, None))[2]
