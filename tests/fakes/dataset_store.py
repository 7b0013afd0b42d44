"""The dataset and the models of one collection in memory."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from services.writing.domain.displacement import Displacement, measure_distances, summarise
from services.writing.domain.stored_state import HeldSource, StoreState
from services.writing.ports import BatchVectors, DiskFullError, StaleModelError
from shared.contracts.batches import Batch
from shared.contracts.projection import ProjectionModel
from shared.errors import InvalidMessage, TransientError
from shared.plane import Plane


@dataclass
class FakeSnapshot:
    state: StoreState
    batches: tuple[Batch, ...]

    def scan(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for batch in self.batches:
            versions = pa.array([batch.descriptor.source_version] * len(batch), pa.int32())
            rows = batch.rows.append_column("source_version", versions)
            yield rows.select(list(columns))


class FakeDatasetStore:
    """Keeps whole batches. ``failures`` commits are refused for want of room first."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.batches: list[Batch] = []
        self.emptied: dict[str, int] = {}
        self.version = 0
        self.dimension: int | None = None

    async def state(self) -> StoreState:
        sources = {key: HeldSource(version) for key, version in self.emptied.items()}
        for batch in self.batches:
            one = batch.descriptor
            held = sources.setdefault(one.source_id, HeldSource(one.source_version))
            held.current = max(held.current, one.source_version)
            held.oldest = min(held.oldest or one.source_version, one.source_version)
            held.batches[one.batch_id] = one.source_version
        model_version = self.batches[0].descriptor.model_version if self.batches else None
        rows = sum(map(len, self.batches))
        return StoreState(rows, self.version, self.version, model_version, self.dimension, sources)

    async def commit(
        self,
        append: Sequence[Batch],
        removals: Mapping[str, int],
        emptied: Mapping[str, int],
        more: Iterable[Batch] = (),
    ) -> StoreState:
        append = [batch for batch in (*append, *more) if len(batch)]
        held = (await self.state()).model_version
        if append and {one.descriptor.model_version for one in append} != {
            held or append[0].descriptor.model_version
        }:
            raise StaleModelError("other coordinates")
        for batch in append:
            if not np.isfinite(batch.vectors).all():
                raise InvalidMessage("NaN")
            if self.dimension not in (None, batch.vectors.shape[1]):
                raise InvalidMessage("another dimension")
        if self.failures:
            self.failures -= 1
            raise DiskFullError("no room")
        kept = [one for one in self.batches if not _is_removed(one, removals)]
        if append or len(kept) < len(self.batches):
            self.version += 1
        if append:
            self.dimension = append[0].vectors.shape[1]
        self.batches = [*kept, *append]
        self.emptied |= emptied
        return await self.state()

    async def rows_of(self, removals: Mapping[str, int]) -> AsyncIterator[BatchVectors]:
        for batch in list(self.batches):
            if _is_removed(batch, removals):
                yield BatchVectors(batch.descriptor.batch_id, batch.vectors)

    def whole_batches(self, removals: Mapping[str, int], collection: str) -> Iterator[Batch]:
        mine = [one for one in self.batches if one.descriptor.collection == collection]
        yield from [batch for batch in mine if _is_removed(batch, removals)]

    async def rows_in(self, batches: Mapping[str, str]) -> AsyncIterator[BatchVectors]:
        for batch in list(self.batches):
            if batch.descriptor.batch_id in batches:
                yield BatchVectors(batch.descriptor.batch_id, batch.vectors)

    async def reproject(self, plane: Plane, model_version: int) -> "FakeReprojection":
        if self.dimension not in (None, plane.dimension):
            raise InvalidMessage("another dimension")
        return FakeReprojection(self, plane, model_version)

    async def maintain(self) -> bool:
        return False

    async def forget_versions(self) -> bool:
        return True

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[FakeSnapshot]:
        yield FakeSnapshot(await self.state(), tuple(self.batches))


class FakeReprojection:
    def __init__(self, store: FakeDatasetStore, plane: Plane, model_version: int) -> None:
        self._store = store
        self._plane = plane
        self._version = model_version
        self._steps = 2

    async def step(self) -> bool:
        self._steps -= 1
        return self._steps > 0

    async def finish(self) -> Displacement:
        distances = []
        for position, batch in enumerate(self._store.batches):
            old = np.stack([batch.rows.column(name).to_numpy() for name in "xy"], axis=1)
            new = self._plane.project(batch.vectors)
            distances.append(measure_distances(old, new))
            rows = batch.rows
            for axis, name in enumerate("xy"):
                at = rows.schema.get_field_index(name)
                rows = rows.set_column(at, rows.schema.field(at), pa.array(new[:, axis]))
            moved = batch.descriptor.model_copy(update={"model_version": self._version})
            self._store.batches[position] = Batch(moved, rows)
        self._store.version += bool(distances)
        return replace(summarise(distances))


class FakeModelArchive:
    def __init__(self, *models: ProjectionModel, keep: int = 100) -> None:
        self.keep = keep
        self.models = {model.version: model for model in models}

    async def newest(self) -> ProjectionModel | None:
        return self.models[max(self.models)] if self.models else None

    async def get(self, version: int) -> ProjectionModel:
        if version not in self.models:
            raise TransientError(f"no model {version}")
        return self.models[version]

    async def save(self, model: ProjectionModel) -> None:
        self.models[model.version] = model

    async def forget_before(self, held: int) -> int:
        too_many = [one for one in sorted(self.models)[: -self.keep] if one < held]
        for version in too_many:
            del self.models[version]
        return len(too_many)


def _is_removed(batch: Batch, removals: Mapping[str, int]) -> bool:
    one = batch.descriptor
    return one.source_version < removals.get(one.source_id, 0)
