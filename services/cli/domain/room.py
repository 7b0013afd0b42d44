"""How much room a local run needs on its disk, and what of it is for the bus; in bytes."""

from dataclasses import dataclass

GB = 10**9
FIRST = 500_000_000
"""For a run in a new folder: the least that streams, dataset, state and logs are well with."""
AGAIN = 64_000_000
"""For a run that was there before: what it holds, it has already."""
FULL = 32_000_000
"""With less, somebody's next write may fail."""
SHARE = 0.5
"""Of the room that there is, for the streams; the rest is for the dataset, which grows."""


@dataclass(frozen=True, slots=True)
class Room:
    """The room on the disk of a run."""

    free: int
    held: int
    """What the store of the bus takes already."""
    is_new: bool

    @property
    def needed(self) -> int:
        """The least that must be free."""
        return FIRST if self.is_new else AGAIN

    @property
    def is_enough(self) -> bool:
        """Whether a run can be started."""
        return self.free >= self.needed

    @property
    def for_streams(self) -> int:
        """What the streams may take together."""
        return int((self.free + self.held) * SHARE)


def gigabytes(size: int) -> str:
    """Say a size in gigabytes."""
    return f"{size / GB:.2f} GB"
