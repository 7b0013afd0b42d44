"""One source per file, by whatever names a look has found it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.discovery.domain.sources import SourceStat, display_name


@dataclass(frozen=True, slots=True)
class Named:
    """What a look has found, each file under one name."""

    sources: Sequence[SourceStat]
    same_as: Mapping[str, SourceStat] = field(default_factory=dict)
    """Source id of each other name to the source that its file is."""


def ambiguous(stats: Iterable[SourceStat]) -> list[SourceStat]:
    """Return what may have another name: only a look at everything can tell."""
    return [stat for stat in stats if stat.is_link or stat.names > 1]


def shared(stats: Iterable[SourceStat]) -> list[list[SourceStat]]:
    """Return the files that were found more than once, each with all that was found of it."""
    groups: dict[tuple[str, int, int], list[SourceStat]] = {}
    for stat in stats:
        if stat.inode:
            groups.setdefault((stat.collection, stat.device, stat.inode), []).append(stat)
    return [found for found in groups.values() if len(found) > 1]


def one_name_each(stats: Sequence[SourceStat], known: Collection[str]) -> Named:
    """Choose the name of each file.

    A name that no link leads to goes before one that a link does. Of hard links, one that is known
    already stays, so that a copy by hard links moves nothing; else the first one is taken.

    Args:
        stats: What was found.
        known: Ids of the sources that were there at the look before.
    """
    same_as: dict[str, SourceStat] = {}
    left_out: set[int] = set()
    for found in shared(stats):
        chosen = min(
            found,
            key=lambda one: (one.is_link, one.source_id not in known, one.filename, one.path),
        )
        left_out.update(id(other) for other in found if other is not chosen)
        same_as |= {one.source_id: chosen for one in found if one.source_id != chosen.source_id}
    return Named([stat for stat in stats if id(stat) not in left_out], same_as)


def namesakes(stats: Iterable[SourceStat], known: Mapping[str, str]) -> list[SourceStat]:
    """Return the files whose name another one has: their ids would clash.

    Args:
        stats: One of each file.
        known: Paths of the sources that are known, as ``display_name`` gives them, by id: of two
            files of a name, the one that has it already keeps it.
    """
    groups: dict[str, list[SourceStat]] = {}
    for stat in stats:
        groups.setdefault(stat.source_id, []).append(stat)
    found: list[SourceStat] = []
    for source_id, several in groups.items():
        if len(several) > 1:
            path = known.get(source_id)
            keeps = next((one for one in several if display_name(one.path) == path), several[0])
            found += [one for one in several if one is not keeps]
    return found
