"""Has what differs mended by its owners, each by what it does anyway."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.cli.domain.kept import StoredSource, What
from services.cli.domain.mending import COUNTED, PLACED, PUBLISHED
from services.cli.domain.verdict import Verdict
from services.cli.handlers.verify_histories import PASTS
from shared.errors import ConfigurationError
from shared.failpoints import Failpoint, reached

Look = Callable[[], Awaitable[Verdict]]
UNREAD = {
    "forgotten": "is forgotten and has rows: touch its file, and forget it again when it is "
    "mapped",
    "gone": "its file is gone: put it back, and it is read again; or forget it: mapstream forget",
}
"""What somebody has to do about a source that discovery will not read again."""


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

    async def read_again(self, sources: Sequence[StoredSource]) -> Mapping[str, str]:
        """Have discovery read sources again when it runs.

        Returns:
            The filenames of those that it will not read, and why: they are ``forgotten``, or their
            file is ``gone``.
        """

    async def take_over(self, sources: Sequence[StoredSource], emptied: Mapping[str, int]) -> None:
        """Have the ledger belong to the dataset, and number these sources from there on."""

    async def count_anew(self, *, is_apart: bool = False, past: str = "same") -> Recounted:
        """Have projection count what is stored.

        Args:
            is_apart: Whether its state is to belong to the dataset from now on.
            past: Whether what it had is of the same past as the dataset, an ``earlier`` one, or
                ``another`` one.
        """

    async def discard_staged(self, versions: Mapping[str, int]) -> None:
        """Have writing let go of what waits of sources up to these versions."""

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

    def note(self, step: str) -> None:
        """Note a step that is done; whoever is killed here goes on by another repair."""
        self.done.append(step)
        reached(Failpoint.MENDED)


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
    await _mend_dataset(look, owners, result)
    found, doubtful, apart = result.left.found, result.left.doubtful, result.left.apart
    if doubtful or "discovery" in apart:
        await _mend_ledger([*doubtful.values()], owners, result)
    if found & COUNTED or result.left.pending or "projection" in apart:
        past = PASTS.get(apart.get("projection", ""), "same")
        counted = await owners.count_anew(is_apart="projection" in apart, past=past)
        result.note(
            f"moments and batches: made again from {counted.records:,} rows; "
            f"{counted.models:,} models taken over from the archive"
        )
    if found & PLACED:
        version = await owners.place()
        result.note(f"coordinates: computed again by model {version}")
    if found & (PLACED | PUBLISHED):
        records = await owners.publish()
        result.note(f"public files: written again, {records:,} rows")
    if result.done:
        result.left = await look()
    return result


async def _mend_dataset(look: Look, owners: Owners, result: Repair) -> None:
    """Have go what is there too often, or waits for nothing."""
    if What.TWICE in result.left.found:
        dropped = await owners.drop_repeats()
        result.note(f"rows that were there twice: {dropped.removed:,} removed")
        result.left = await look()
    if over := result.left.staged_over:
        await owners.discard_staged(over)
        result.note(f"what waited for versions that are over: let go, of {len(over):,} sources")


async def _mend_ledger(sources: Sequence[StoredSource], owners: Owners, result: Repair) -> None:
    if "discovery" in result.left.apart:
        await _take_over(owners, result)
    if sources:
        await _read_again(sources, owners, result)


async def _take_over(owners: Owners, result: Repair) -> None:
    left = result.left
    await owners.take_over([*left.overtaken.values()], left.emptied)
    result.note("the ledger belongs to the dataset as it is from now on")
    if left.overtaken:
        result.note(
            f"{len(left.overtaken):,} sources are numbered from the dataset on: discovery reads "
            "them again when it runs"
        )


async def _read_again(sources: Sequence[StoredSource], owners: Owners, result: Repair) -> None:
    unread = await owners.read_again(sources)
    if marked := len(sources) - len(unread):
        result.note(f"{marked:,} sources are marked: discovery reads them again when it runs")
    result.by_hand += [f"{name}: {UNREAD[why]}" for name, why in unread.items()]
