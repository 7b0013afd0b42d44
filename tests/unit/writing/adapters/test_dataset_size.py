from pathlib import Path

import lance

from services.writing.adapters.dataset_size import DatasetSize
from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from tests.unit.writing.scenes import piece


def test_nothing_takes_no_room(tmp_path: Path) -> None:
    size = DatasetSize(tmp_path / "absent")

    assert size.kept_versions() == 0
    assert set(size.parts().values()) == {0}


async def test_a_commit_is_a_version_and_takes_room(tmp_path: Path) -> None:
    store = LanceDatasetStore(tmp_path, compact_every=100, keep_versions_s=3600)
    for number in range(3):
        await store.commit([piece("s", 1, number)], {}, {})
    (tmp_path / "logs.parquet").write_bytes(b"12345")

    size = DatasetSize(tmp_path)

    assert size.kept_versions() == len(lance.dataset(tmp_path / "store.lance").versions()) >= 3
    assert size.parts()["logs.parquet"] == 5
    assert size.parts()["store.lance"] > 1000
