"""Blobs in an object store: whatever is killed or comes at the same moment, nothing is lost."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.blobs.errors import BlobsUnusableError
from shared.blobs.object_blobs import ObjectBlobs
from tests.blobs import note_of, put, read
from tests.fakes.objects import FakeObjects

DAY = timedelta(days=1)
NOBODY = frozenset[tuple[str, str]]()


class KilledError(BaseException):
    """The process is no more."""


class Door(FakeObjects):
    """A store at whose door something happens before a certain request that changes it."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        super().__init__(objects)
        self.happens: Callable[[], object] = lambda: None
        self.before = -1

    def changed(self) -> None:
        self.before -= 1
        if self.before == -1:
            self.happens()


def kill() -> None:
    raise KilledError


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def blobs(door: Door, tmp_path: Path) -> ObjectBlobs:
    return ObjectBlobs(door, tmp_path, 1 << 20)


def clean(blobs: ObjectBlobs, known: frozenset[tuple[str, str]] = NOBODY) -> None:
    """Clean up as discovery does, long after."""
    later = datetime.now().astimezone() + 2 * DAY
    for sha256, job_id, at in list(blobs.notes()):
        if (sha256, job_id) not in known and at < later - DAY:
            blobs.remove(sha256, job_id)
    blobs.clean(later, DAY)


def files(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file()]


@pytest.mark.parametrize("step", range(2))
def test_whoever_is_killed_while_he_keeps_leaves_what_is_cleaned_up(
    door: Door, blobs: ObjectBlobs, tmp_path: Path, step: int
) -> None:
    other = put(blobs, b"other", "job-0")
    door.before, door.happens = step, kill
    writer = blobs.writer("job-1", 10)
    writer.write(b"half")
    with pytest.raises(KilledError):
        writer.keep(note_of(writer, "job-1"))
    door.happens = lambda: None

    assert {job for _, job, _ in blobs.notes()} == ({"job-0", "job-1"} if step else {"job-0"})
    for sha256, job_id, _ in blobs.notes():
        assert (blobs.find(sha256, job_id) is None) == (job_id == "job-1")

    clean(blobs, frozenset({(other, "job-0")}))

    assert sorted(door.objects) == [f"{other}/job-0", f"{other}/job-0.meta.json"]
    assert files(tmp_path) == []
    assert blobs.find(other, "job-0") is not None
    writer.close()


@pytest.mark.parametrize("is_tried_again", [True, False])
@pytest.mark.parametrize("step", range(2))
def test_a_removal_that_is_killed_is_ended_by_the_next_one_or_when_it_is_old(
    door: Door, blobs: ObjectBlobs, step: int, *, is_tried_again: bool
) -> None:
    sha256 = put(blobs, b"bytes", "job-1")
    door.before, door.happens = step, kill
    with pytest.raises(KilledError):
        blobs.remove(sha256, "job-1")
    door.happens = lambda: None

    assert (blobs.find(sha256, "job-1") is None) == (step > 0)

    if is_tried_again:
        blobs.remove(sha256, "job-1")
    else:
        clean(blobs)

    assert door.objects == {}


def test_a_removal_that_is_killed_leaves_its_note(door: Door, blobs: ObjectBlobs) -> None:
    sha256 = put(blobs, b"bytes", "job-1")
    door.before, door.happens = 1, kill
    with pytest.raises(KilledError):
        blobs.remove(sha256, "job-1")

    assert list(door.objects) == [f"{sha256}/job-1.meta.json"]  # nobody has to look for bytes


@pytest.mark.parametrize("step", range(2))
def test_who_hands_the_same_bytes_in_during_a_removal_has_them(
    door: Door, blobs: ObjectBlobs, step: int
) -> None:
    sha256 = put(blobs, b"same", "job-1")
    door.before, door.happens = step, lambda: put(blobs, b"same", "job-2")

    blobs.remove(sha256, "job-1")

    assert blobs.find(sha256, "job-2") is not None
    assert read(blobs, sha256) == b"same"
    assert blobs.find(sha256, "job-1") is None


@pytest.mark.parametrize("step", range(2))
def test_who_removes_his_while_others_hand_the_same_bytes_in_takes_none_of_theirs(
    door: Door, blobs: ObjectBlobs, step: int
) -> None:
    sha256 = put(blobs, b"same", "job-1")
    door.before, door.happens = step, lambda: blobs.remove(sha256, "job-1")

    put(blobs, b"same", "job-2")

    assert blobs.find(sha256, "job-2") is not None
    assert read(blobs, sha256) == b"same"


def test_a_clean_up_that_meets_whoever_keeps_takes_nothing_of_him(
    door: Door, blobs: ObjectBlobs
) -> None:
    sha256 = put(blobs, b"same", "job-1")
    del door.objects[f"{sha256}/job-1.meta.json"]  # by hand: bytes without a note, old
    listed = door.listed

    def listed_early(folder: str = "") -> Iterator[object]:
        found = list(listed(folder))
        put(blobs, b"same", "job-1")
        yield from found

    door.listed = listed_early  # type: ignore[assignment,method-assign]
    blobs.clean(datetime.now().astimezone() + 2 * DAY, DAY)
    door.listed = listed  # type: ignore[method-assign]

    assert blobs.find(sha256, "job-1") is not None


def test_what_was_read_is_read_again_without_the_store(
    door: Door, blobs: ObjectBlobs, tmp_path: Path
) -> None:
    sha256 = put(blobs, b"bytes", "job-1")
    assert read(blobs, sha256) == b"bytes"
    door.is_away = True

    assert read(blobs, sha256) == b"bytes"

    for one in files(tmp_path):
        one.unlink()
    with pytest.raises(BlobsUnusableError):
        read(blobs, sha256)
    door.is_away = False
    assert read(blobs, sha256) == b"bytes"


def test_what_is_kept_of_what_was_read_is_bounded_and_the_last_used_stays(
    door: Door, tmp_path: Path
) -> None:
    blobs = ObjectBlobs(door, tmp_path, 10)
    first, second, third = (put(blobs, content * 5, "job") for content in (b"1", b"2", b"3"))
    for one in (first, second, first):
        read(blobs, one)
    with blobs.reading(third) as path:
        assert sorted(one.name for one in files(tmp_path / "cache")) == sorted([first, third])
        with blobs.reading(second), blobs.reading(first):  # whatever has to go meanwhile
            assert path.read_bytes() == b"33333"

    assert sum(one.stat().st_size for one in files(tmp_path)) <= 10


def test_a_file_that_is_larger_than_all_that_may_be_kept_is_read_and_not_kept(
    door: Door, tmp_path: Path
) -> None:
    blobs = ObjectBlobs(door, tmp_path, 10)
    sha256 = put(blobs, b"x" * 11, "job-1")

    assert read(blobs, sha256) == b"x" * 11
    assert files(tmp_path) == []


def test_whoever_keeps_nothing_has_nothing_of_it_on_his_disk(door: Door, tmp_path: Path) -> None:
    blobs = ObjectBlobs(door, tmp_path, 0)
    sha256 = put(blobs, b"bytes", "job-1")

    assert read(blobs, sha256) == b"bytes"
    assert files(tmp_path) == []


def test_of_what_is_removed_nothing_stays_on_the_disk(
    door: Door, blobs: ObjectBlobs, tmp_path: Path
) -> None:
    sha256 = put(blobs, b"bytes", "job-1")
    read(blobs, sha256)
    assert files(tmp_path)

    blobs.remove(sha256, "job-1")

    assert (files(tmp_path), door.objects) == ([], {})


def test_what_was_not_read_for_long_goes_from_the_disk(
    door: Door, blobs: ObjectBlobs, tmp_path: Path
) -> None:
    read(blobs, put(blobs, b"bytes", "job-1"))

    blobs.clean(datetime.now().astimezone() + 2 * DAY, DAY)

    assert files(tmp_path) == []
    assert len(door.objects) == 2


def test_bytes_that_are_others_are_not_given_and_those_of_another_holder_are(
    door: Door, blobs: ObjectBlobs, tmp_path: Path
) -> None:
    sha256 = put(blobs, b"whole", "job-1")
    door.objects[f"{sha256}/job-1"] = b"whale"
    with pytest.raises(FileNotFoundError):
        read(blobs, sha256)
    assert files(tmp_path) == []

    put(blobs, b"whole", "job-2")

    assert read(blobs, sha256) == b"whole"


def test_a_store_that_goes_away_while_it_gives_leaves_nothing_half(
    door: Door, blobs: ObjectBlobs, tmp_path: Path
) -> None:
    sha256 = put(blobs, b"bytes", "job-1")
    door.breaks_at = 2

    with pytest.raises(BlobsUnusableError):
        read(blobs, sha256)
    assert files(tmp_path) == []

    door.breaks_at = None
    assert read(blobs, sha256) == b"bytes"


def test_what_else_is_in_the_bucket_is_left_alone(door: Door, blobs: ObjectBlobs) -> None:
    others = {"notes.txt": b"x", f"{'a' * 64}": b"x", f"{'a' * 64}/a/b": b"x", "a/b": b"x"}
    door.objects.update(others)

    assert list(blobs.notes()) == []
    clean(blobs)

    assert door.objects == others
