import shutil
from pathlib import Path

import pytest

from services.writing.adapters.dataset_size import DatasetSize
from services.writing.domain.room import needed_bytes
from services.writing.handlers.room import RoomTeller
from shared.contracts.room import AskRoom
from shared.errors import TransientError
from tests.fakes.dataset_store import FakeDatasetStore
from tests.unit.writing.scenes import piece


@pytest.mark.parametrize(
    ("content_bytes", "records", "dimension", "needed"),
    [(1000, 0, 0, 2000), (0, 10, 1, 2 * 10 * 260), (1000, 10, 1024, 2 * (1000 + 10 * 4352))],
)
def test_the_rows_are_there_twice_until_they_are_shown(
    content_bytes: int, records: int, dimension: int, needed: int
) -> None:
    assert needed_bytes(content_bytes, records, dimension) == needed


async def test_what_is_needed_depends_on_the_vectors_of_the_dataset() -> None:
    store = FakeDatasetStore()
    teller = RoomTeller(store, lambda: 7)
    asked = AskRoom(content_bytes=100, records=10)

    without = await teller.tell(asked)
    batch = piece("a", 1, 0)
    await store.commit([batch], {}, {})
    told = await teller.tell(asked)

    dimension = batch.vectors.shape[1]
    assert (without.free_bytes, without.needed_bytes) == (7, needed_bytes(100, 10, 0))
    assert told.needed_bytes == needed_bytes(100, 10, dimension)


def test_what_is_free_is_that_of_the_disk(tmp_path: Path) -> None:
    free = DatasetSize(tmp_path).free_bytes()

    assert abs(free - shutil.disk_usage(tmp_path).free) < 1 << 30
    with pytest.raises(TransientError, match="gone"):
        DatasetSize(tmp_path / "gone").free_bytes()
