"""How far the map files reach into the stream of points.

The files lag behind the commits, and points are told right after their commit, so a message of
points may or may not be in the files that lie there now. Three facts decide it:

* The files say which dataset version they hold.
* ``writing.committed`` says which dataset version first held which batches.
* A message of points names its batch. A collection has one writer, which tells the points of a
  commit before it says ``writing.committed``, and both before its next commit.

So a message is in the files if its batch was committed at their version or an earlier one, and a
file is complete up to the last message before the first one of which that is not known. Whatever
is missing or late here (an event, a feed that lags) moves that position back, never forward:
a reader gets some points twice, and none not at all.
"""

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable

MOST_KEPT = 200_000
"""Messages that are remembered; of older ones the files are far ahead."""


class Positions:
    """One collection's messages of points, and the dataset versions that first held them."""

    def __init__(self, floor: int = 0, *, most_kept: int = MOST_KEPT) -> None:
        self._floor = floor
        """The stream had lost the messages up to here when it was first looked at."""
        self._most_kept = most_kept
        self._sequences = array("Q")
        self._tops = array("Q")
        """For each of the sequences: the version that holds all messages up to it."""
        self._pending: deque[tuple[int, str]] = deque()
        """Messages after those, the first of which has no commit that is known."""
        self._versions: dict[str, int] = {}
        """Commits of batches whose messages are pending or yet to come."""
        self._newest = 0

    def add_points(self, sequence: int, batch_id: str) -> None:
        """Note a message of points; sequences must grow."""
        self._pending.append((sequence, batch_id))
        if len(self._pending) > self._most_kept:
            self._pending.popleft()
        self._advance()

    def add_commit(self, dataset_version: int, batch_ids: Iterable[str]) -> None:
        """Note which version first held which batches; a later word on a batch counts nothing."""
        batches = list(batch_ids)
        if dataset_version < self._newest:
            self._start_over(set(batches))
        self._newest = dataset_version
        for batch_id in batches:
            self._versions.setdefault(batch_id, dataset_version)
        while len(self._versions) > self._most_kept:
            del self._versions[next(iter(self._versions))]
        self._advance()

    def since(self, dataset_version: int, first_sequence: int) -> int:
        """Return a position up to which files of this version hold every message.

        Args:
            dataset_version: What the files hold.
            first_sequence: The first message that the stream still has.

        Returns:
            The position. If messages that the files lack may be lost to the stream already, it is
            one that the stream does not reach back to, so that nobody goes on from there.
        """
        floor = max(self._floor, first_sequence - 1)
        while self._pending and self._pending[0][0] < first_sequence:
            self._pending.popleft()
            self._advance()
        known = bisect_right(self._tops, dataset_version)
        covered = self._sequences[known - 1] if known else 0
        if self._newest <= dataset_version and not self._pending and known == len(self._tops):
            return max(covered, floor)
        if covered:
            return covered
        return floor if self._newest <= dataset_version else max(0, floor - 1)

    def _advance(self) -> None:
        while self._pending and self._pending[0][1] in self._versions:
            sequence, batch_id = self._pending.popleft()
            version = self._versions.pop(batch_id)
            self._sequences.append(sequence)
            self._tops.append(max(version, self._tops[-1] if self._tops else 0))
        if len(self._sequences) > self._most_kept:
            del self._sequences[: self._most_kept // 2]
            del self._tops[: self._most_kept // 2]

    def _start_over(self, batches: set[str]) -> None:
        """Forget what was told of another dataset: versions never fall, except in a new one."""
        if self._sequences:
            self._floor = max(self._floor, self._sequences[-1])
        self._sequences, self._tops = array("Q"), array("Q")
        self._versions.clear()
        if any(batch_id in batches for _, batch_id in self._pending):
            while self._pending[0][1] not in batches:
                self._floor = self._pending.popleft()[0]
