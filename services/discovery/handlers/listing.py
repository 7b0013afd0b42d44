"""Lists what is there: each file once, and each name once."""

from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta

from services.discovery.domain.real_files import Named, ambiguous, namesakes, one_name_each, shared
from services.discovery.domain.sources import (
    FolderUnreadable,
    SourceStat,
    display_name,
    require_distinct,
)
from services.discovery.domain.uploads import is_uploaded
from services.discovery.handlers.turns import Ready, Shares, always_ready
from services.discovery.ports import Ledger, SourceRepository
from services.discovery.ports.space import SpaceTeller

NAMESAKE = (
    "another file of this collection is called '{}', too: give the folders a common parent in "
    "ingestion.sources, or a collection each; or remove the uploaded one"
)


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What a look is to look at."""

    collection: str = ""
    """Whose sources."""
    changed: frozenset[str] | None = None
    """Only the paths that changed; None: everything."""
    recheck_after: timedelta | None = None
    """Contents are compared again after so long, even if nothing says that they changed."""
    is_first: bool = True
    """Whether two files of one name are a mistake of the configuration, not just an input."""
    is_deep: bool = False
    """Whether all contents are compared now."""
    forgets_gone: bool = False
    """Whether a source that is gone is forgotten."""
    max_dead_share: float | None = None
    """How much of a version that begins may be dead for it to replace another one; None: all."""
    space: SpaceTeller | None = None
    """Knows whether a version that replaces another one has room; none: that is not asked."""
    ready: Ready = always_ready
    """Awaited before a source is opened: it may have to be sent."""
    shares: Shares = field(default_factory=Shares)
    """What it shares with the looks at other collections."""


EVERYTHING = ScanOptions()


async def list_present(
    repository: SourceRepository, options: ScanOptions, store: Ledger
) -> tuple[ScanOptions, Named, list[FolderUnreadable]]:
    """List what is there, each file under one name.

    Returns:
        What was looked at in the end, what is there, and what could not be seen.

    Raises:
        TransientError: The ledger could not be read.
    """
    stats, unlisted = await _list(repository, options)
    if options.changed is not None:
        unsure = [stat.source_id for stat in ambiguous(stats)]
        if unsure and len(await _known(unsure, store)) < len(unsure):
            # Whether it is another name of what is there, only a look at everything can tell.
            options = replace(options, changed=None)
            stats, unlisted = await _list(repository, options)
    names = [one.source_id for found in shared(stats) for one in found]
    return options, one_name_each(stats, await _known(names, store)), unlisted


async def _known(source_ids: Sequence[str], store: Ledger) -> dict[str, str]:
    """Return id and path of those sources that were there at the look before."""
    rows = (await store.get(source_ids)).values() if source_ids else ()
    return {row.source_id: row.path for row in rows if row.gone_at is None}


async def without_namesakes(
    named: Named, options: ScanOptions, store: Ledger
) -> tuple[Named, list[FolderUnreadable]]:
    """Leave out files whose name another one has.

    Raises:
        ConfigurationError: There are such, and it is the first look.
        TransientError: The ledger could not be read.
    """
    if options.is_first:
        # Anybody may upload a file of that name: discovery starts all the same.
        require_distinct(one for one in named.sources if not is_uploaded(one.path))
    counts = Counter(stat.source_id for stat in named.sources)
    twice = [source_id for source_id, count in counts.items() if count > 1]
    if not twice:
        return named, []
    extra = namesakes(named.sources, await _known(twice, store))
    told = [
        FolderUnreadable(stat.collection, display_name(stat.path), NAMESAKE.format(stat.filename))
        for stat in extra
    ]
    paths = {stat.path for stat in extra}
    sources = [stat for stat in named.sources if stat.path not in paths]
    return replace(named, sources=sources), told


async def _list(
    repository: SourceRepository, options: ScanOptions
) -> tuple[list[SourceStat], list[FolderUnreadable]]:
    stats: list[SourceStat] = []
    unlisted: list[FolderUnreadable] = []
    listing = repository.list_sources(options.changed, collection=options.collection)
    async with aclosing(listing) as found:
        async for listed in found:
            if isinstance(listed, SourceStat):
                stats.append(listed)
            else:
                unlisted.append(listed)
    return stats, unlisted
