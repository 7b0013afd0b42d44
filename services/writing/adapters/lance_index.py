"""Which batches and sources a Lance table holds, and in which fragments."""

from collections.abc import Iterable, Mapping, Sequence

import lance
import pyarrow as pa

from services.writing.domain.stored_state import HeldSource
from shared.contracts.batches import BatchDescriptor

_KEYS = ["batch_id", "source_id", "source_version"]
_ROWS = 16_384


class SourceIndex:
    """The ids of the table in memory: a set entry per batch, nothing per row."""

    def __init__(self, emptied: Mapping[str, int]) -> None:
        self.sources = {source: HeldSource(version) for source, version in emptied.items()}
        self._fragments: dict[int, set[str]] = {}

    def read(self, fragments: Iterable[lance.LanceFragment]) -> None:
        """Take up fragments that nothing is known of."""
        for fragment in fragments:
            for batch_id, source_id, version in _keys_of(fragment):
                self._note(batch_id, source_id, version)
                self._fragments.setdefault(fragment.fragment_id, set()).add(source_id)

    def refresh(self, fragments: Sequence[lance.LanceFragment]) -> None:
        """Follow a compaction: forget fragments that are gone, look into new ones."""
        present = {fragment.fragment_id for fragment in fragments}
        self._fragments = {key: held for key, held in self._fragments.items() if key in present}
        self.read(item for item in fragments if item.fragment_id not in self._fragments)

    def fragments_of(self, source_ids: Iterable[str]) -> list[int]:
        """Return the ids of the fragments that hold rows of any of these sources."""
        wanted = set(source_ids)
        return [key for key, held in self._fragments.items() if not wanted.isdisjoint(held)]

    def apply(
        self,
        appended: Sequence[BatchDescriptor],
        removals: Mapping[str, int],
        emptied: Mapping[str, int],
        present: Iterable[int],
    ) -> None:
        """Follow a commit that left these fragments present."""
        for source_id, version in removals.items():
            self._remove(source_id, version)
        ids = set(present)
        for key in self._fragments.keys() - ids:
            del self._fragments[key]
        for held_sources in self._fragments.values():
            held_sources.difference_update(removals)
        for key in ids - self._fragments.keys():
            self._fragments[key] = {one.source_id for one in appended}
        for one in appended:
            self._note(one.batch_id, one.source_id, one.source_version)
        for source_id, version in emptied.items():
            held = self.sources.setdefault(source_id, HeldSource(version))
            held.current = max(held.current, version)

    def _note(self, batch_id: str, source_id: str, version: int) -> None:
        held = self.sources.setdefault(source_id, HeldSource(version))
        held.current = max(held.current, version)
        held.oldest = min(held.oldest or version, version)
        held.batches[batch_id] = version

    def _remove(self, source_id: str, below: int) -> None:
        held = self.sources[source_id]
        held.current = max(held.current, below)
        held.batches = {key: version for key, version in held.batches.items() if version >= below}
        held.oldest = min(held.batches.values(), default=0)


def removal_filter(removals: Mapping[str, int]) -> str:
    """Return the SQL that is true for the rows that removals take away."""
    return " OR ".join(
        "(source_id = '{}' AND source_version < {:d})".format(source.replace("'", "''"), version)
        for source, version in removals.items()
    )


def batch_filter(batch_ids: Iterable[str]) -> str:
    """Return the SQL that is true for the rows of batches."""
    quoted = ("'{}'".format(one.replace("'", "''")) for one in batch_ids)
    return f"batch_id IN ({', '.join(quoted)})"


def _keys_of(fragment: lance.LanceFragment) -> set[tuple[str, str, int]]:
    found: set[tuple[str, str, int]] = set()
    for rows in fragment.to_batches(columns=_KEYS, batch_size=_ROWS):
        distinct = pa.Table.from_batches([rows]).group_by(_KEYS, use_threads=False).aggregate([])
        found.update(zip(*(distinct.column(name).to_pylist() for name in _KEYS), strict=True))
    return found
