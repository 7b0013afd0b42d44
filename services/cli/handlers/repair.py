"""Has what differs mended by its owners, each by what it does anyway."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.cli.domain.kept import StoredSource, What
from services.cli.domain.mending import COUNTED, PLACED, PUBLISHED
from services.cli.handlers.verify import Verdict
from shared.errors import ConfigurationError

Look = Callable[[], Awaitable[Verdict]]


@dataclass(frozen=True, slots=True)
class Dropped:
    """What came of rows that were there more than once."""

    removed: int
    unlike: Sequence[str]
    """Filenames of rows that have one id and say different things."""


@dataclass(frozen=True, slots=True)
class Recounted:
    """What projection made again."""

    records: int
    models: int


class Owners(Protocol):
    """The owners of a collection; each method may raise MapstreamError: it could not be done."""

    async def drop_repeats(self) -> Dropped:
        """Have writing leave one row of each id."""

    async def read_again(self, sources: Sequence[StoredSource]) -> Sequence[str]:
        """Have discovery read sources again when it runs; return those that are forgotten."""

    async def count_anew(self) -> Recounted:
        """Have projection count what is stored."""

    async def place(self) -> int:
        """Have writing put every row where the newest model does; return its version."""

    async def publish(self) -> int:
        """Have writing write the public files; return how many records they have."""


@dataclass(slots=True)
class Repair:
    """What was done, and what is left."""

    left: Verdict
    done: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    """What nobody can mend, and what to do."""


async def repair(look: Look, owners: Owners) -> Repair:
    """Have what differs mended, and look again.

    What the sources say better than any owner is not mended here: discovery marks them, and reads
    them when it runs.

    Raises:
        ConfigurationError: Somebody is at work there.
        MapstreamError: An owner could not mend something; what was done before stays.
    """
    result = Repair(await look())
    if result.left.is_changing:
        raise ConfigurationError(
            f"collection {result.left.collection} changed while it was read: stop the services "
            "first"
        )
    if What.TWICE in result.left.found:
        dropped = await owners.drop_repeats()
        result.done.append(f"rows that were there twice: {dropped.removed:,} removed")
        result.left = await look()
    found, doubtful = result.left.found, result.left.doubtful
    if doubtful:
        await _read_again([*doubtful.values()], owners, result)
    if found & COUNTED or result.left.pending:
        counted = await owners.count_anew()
        result.done.append(
            f"moments and batches: made again from {counted.records:,} rows; "
            f"{counted.models:,} models taken over from the archive"
        )
    if found & PLACED:
        version = await owners.place()
        result.done.append(f"coordinates: computed again by model {version}")
    if found & (PLACED | PUBLISHED):
        records = await owners.publish()
        result.done.append(f"public files: written again, {records:,} rows")
    if result.done:
        result.left = await look()
    return result


async def _read_again(sources: Sequence[StoredSource], owners: Owners, result: Repair) -> None:
    forgotten = await owners.read_again(sources)
    if marked := len(sources) - len(forgotten):
        result.done.append(
            f"{marked:,} sources are marked: discovery reads them again when it runs"
        )
    result.by_hand += [
        f"{name}: is forgotten and has rows: touch its file, and forget it again when it is mapped"
        for name in forgotten
    ]
