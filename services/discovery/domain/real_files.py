"""One source per file, by whatever names a look has found it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.discovery.domain.sources import SourceStat


@dataclass(frozen=True, slots=True)
class Named:
    """What a look has found, each file under one name."""

    sources: Sequence[SourceStat]
    same_as: Mapping[str, SourceStat] = field(default_factory=dict)
    """Source id of each other name to the source that its file is."""


def ambiguous(stats: Iterable[SourceStat]) -> list[SourceStat]:
    """Return what may have another name: only a look at everything can tell."""
    return [stat for stat in stats if stat.is_link or stat.names > 1]


def shared(stats: Iterable[SourceStat]) -> dict[str, list[SourceStat]]:
    """Return the files that were found by several names, under the id of the first."""
    groups: dict[tuple[str, int, int], list[SourceStat]] = {}
    for stat in stats:
        if stat.inode:
            groups.setdefault((stat.collection, stat.device, stat.inode), []).append(stat)
    several = [found for found in groups.values() if len({one.source_id for one in found}) > 1]
    return {found[0].source_id: found for found in several}


def one_name_each(stats: Sequence[SourceStat], known: Collection[str]) -> Named:
    """Choose the name of each file.

    A name that no link leads to goes before one that a link does. Of hard links, one that the map
    knows already stays, so that a copy by hard links moves nothing; else the first one is taken.

    Args:
        stats: What was found.
        known: Ids of the sources that are on the map and were there at the look before.
    """
    same_as: dict[str, SourceStat] = {}
    for found in shared(stats).values():
        chosen = min(
            found, key=lambda one: (one.is_link, one.source_id not in known, one.filename)
        )
        for other in found:
            if other.source_id != chosen.source_id:
                same_as[other.source_id] = chosen
    return Named([stat for stat in stats if stat.source_id not in same_as], same_as)
