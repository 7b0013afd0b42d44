"""What the dataset has is told in pages, all of one version, whatever is written meanwhile."""

import asyncio
import base64
from pathlib import Path

import numpy as np
import pytest

from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.adapters.lance_stored_rows import LanceStoredRows
from services.writing.handlers import stored as pages
from services.writing.handlers.stored import Stored
from shared.contracts.history import AskStored, HeldVersion
from tests.fakes.staging import FakeStaging
from tests.unit.writing.scenes import DIMENSION, model, piece


@pytest.fixture
async def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LanceDatasetStore:
    monkeypatch.setattr(pages, "MOST_VECTOR_BYTES", 4 * DIMENSION * 3)
    monkeypatch.setattr(pages, "MOST_SOURCES", 2)
    monkeypatch.setattr(pages, "MOST_MODELS", 2)
    store = LanceDatasetStore(tmp_path, compact_every=100, keep_versions_s=600)
    batches = [piece("a", rows=4), piece("b", rows=5), piece("c", version=3, rows=1)]
    await store.commit(batches, {}, {"d": 7})
    return store


async def test_every_vector_is_told_once_with_its_batch(
    dataset: LanceDatasetStore, tmp_path: Path
) -> None:
    stored = Stored(LanceStoredRows(tmp_path, dataset), FakeStaging(), asyncio.Lock())
    wanted = {
        one.descriptor.batch_id: one.vectors
        for one in (piece("a", rows=4), piece("b", rows=5), piece("c", version=3, rows=1))
    }

    found: dict[str, list[np.ndarray]] = {}
    after: int | None = 0
    version, count = None, 0
    while after is not None:
        page = await stored.vectors(AskStored(after=after, dataset_version=version))
        floats = np.frombuffer(base64.b64decode(page.vectors), "<f4").reshape(-1, page.dimension)
        for name, vector in zip(page.batch_ids, floats, strict=True):
            found.setdefault(name, []).append(vector)
        if not count:
            await dataset.commit([], {"a": 2}, {"a": 2})  # it leaves while it is read
        after, version, count = page.next_after, page.dataset_version, count + 1

    assert count == 4
    assert found.keys() == wanted.keys()
    for name, vectors in found.items():
        assert np.array_equal(np.stack(vectors), wanted[name])


async def test_every_source_is_told_also_one_without_rows(
    dataset: LanceDatasetStore, tmp_path: Path
) -> None:
    stored = Stored(LanceStoredRows(tmp_path, dataset), FakeStaging(), asyncio.Lock())
    first = await stored.sources(AskStored())
    assert first.next_after == 2
    second = await stored.sources(AskStored(after=first.next_after))

    assert second.next_after is None
    assert (*first.sources, *second.sources) == (
        HeldVersion(source_id="a", filename="a.jsonl", version=1, records=4),
        HeldVersion(source_id="b", filename="b.jsonl", version=1, records=5),
        HeldVersion(source_id="c", filename="c.jsonl", version=3, records=1),
        HeldVersion(source_id="d", filename=None, version=7, records=0),
    )


async def test_models_are_told_the_oldest_first(
    dataset: LanceDatasetStore, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    for version in (9, 10, 11):
        (tmp_path / "models" / f"{version}.json").write_text(model(version).model_dump_json())
    stored = Stored(LanceStoredRows(tmp_path, dataset), FakeStaging(), asyncio.Lock())

    first = await stored.models(AskStored())
    second = await stored.models(AskStored(after=first.next_after or 0))

    assert [one.version for one in (*first.models, *second.models)] == [9, 10, 11]
    assert second.next_after is None


async def test_an_empty_dataset_has_nothing_to_tell(tmp_path: Path) -> None:
    store = LanceDatasetStore(tmp_path, compact_every=100, keep_versions_s=600)
    stored = Stored(LanceStoredRows(tmp_path, store), FakeStaging(), asyncio.Lock())

    page = await stored.vectors(AskStored())
    assert (page.batch_ids, page.vectors, page.next_after) == ((), "", None)
    assert (await stored.sources(AskStored())).sources == ()
    assert (await stored.models(AskStored())).models == ()


async def test_no_vectors_are_told_that_have_left_the_moments(
    dataset: LanceDatasetStore, tmp_path: Path
) -> None:
    """They leave before their rows: who read them in between would count them again."""
    writing = asyncio.Lock()
    stored = Stored(LanceStoredRows(tmp_path, dataset), FakeStaging(), writing)

    async with writing:
        asking = asyncio.create_task(stored.vectors(AskStored()))
        done, _ = await asyncio.wait({asking}, timeout=0.05)
        assert not done
        await dataset.commit([], {"a": 2}, {"a": 2})
    told = {(await asking).batch_ids[0]}

    assert told == {piece("b").descriptor.batch_id}


async def test_a_version_that_waits_is_told_as_the_newest(
    dataset: LanceDatasetStore, tmp_path: Path
) -> None:
    """A ledger that goes on from here must give its number to nothing else."""
    staging = FakeStaging()
    await staging.change([piece("a", version=4), piece("new", version=1)], {})
    stored = Stored(LanceStoredRows(tmp_path, dataset), staging, asyncio.Lock())

    found = list((await stored.sources(AskStored())).sources)
    found += (await stored.sources(AskStored(after=2))).sources
    found += (await stored.sources(AskStored(after=4))).sources

    told = {one.source_id: (one.filename, one.version, one.records) for one in found}
    assert told == {
        "a": ("a.jsonl", 4, 4),
        "b": ("b.jsonl", 1, 5),
        "c": ("c.jsonl", 3, 1),
        "d": (None, 7, 0),
        "new": (None, 1, 0),
    }
