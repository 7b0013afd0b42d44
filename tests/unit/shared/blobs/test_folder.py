"""Blobs in a folder: whole or not there, and there as long as somebody wants them."""

import errno
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.blobs.errors import BlobsFullError, BlobsUnusableError
from shared.blobs.folder import FolderBlobs
from tests.blobs import note_of, put

DAY = timedelta(days=1)


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


def files(blobs: FolderBlobs) -> list[str]:
    return sorted(one.name for one in blobs.folder.rglob("*") if one.is_file())


def aged(path: Path) -> Path:
    """Make a file one that nobody has touched for two days."""
    then = datetime.now().astimezone() - 2 * DAY
    os.utime(path, (then.timestamp(), then.timestamp()))
    return path


def clean(blobs: FolderBlobs) -> int:
    return blobs.clean(datetime.now().astimezone(), DAY)


def test_equal_bytes_are_kept_once_until_the_last_lets_go(blobs: FolderBlobs) -> None:
    sha256 = put(blobs, b"same", "job-1")
    assert put(blobs, b"same", "job-2") == sha256

    assert files(blobs) == [sha256, f"{sha256}.job-1.meta.json", f"{sha256}.job-2.meta.json"]

    blobs.remove(sha256, "job-1")
    assert files(blobs) == [sha256, f"{sha256}.job-2.meta.json"]
    blobs.remove(sha256, "job-2")

    assert files(blobs) == []


def test_who_hands_the_same_bytes_in_during_a_removal_has_them(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = put(blobs, b"same", "job-1")
    rename, moments = Path.rename, iter([True])

    def rename_late(path: Path, target: Path) -> Path:
        if next(moments, False):  # the last note is gone: now somebody comes
            put(blobs, b"same", "job-2")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_late)
    blobs.remove(sha256, "job-1")

    assert blobs.find(sha256, "job-2") is not None
    assert blobs.path(sha256).read_bytes() == b"same"
    assert files(blobs) == [sha256, f"{sha256}.job-2.meta.json"]


def test_a_killed_removal_is_ended_either_way(blobs: FolderBlobs) -> None:
    wanted, unwanted = put(blobs, b"wanted", "job-1"), put(blobs, b"unwanted", "job-2")
    for one in (wanted, unwanted):
        blobs.path(one).rename(blobs.path(one).with_name(f"{one}.away"))
    blobs.note_path(unwanted, "job-2").unlink()

    clean(blobs)

    assert blobs.path(wanted).read_bytes() == b"wanted"
    assert files(blobs) == [wanted, f"{wanted}.job-1.meta.json"]


def test_what_killed_writers_left_goes_when_it_is_old(blobs: FolderBlobs) -> None:
    kept = put(blobs, b"kept", "job-1")
    aged(blobs.path(kept))
    for job in ("old", "young"):
        (blobs.folder / "incoming" / f"{job}.part").write_bytes(b"abc")
    aged(blobs.folder / "incoming" / "old.part")
    bare = put(blobs, b"bare", "job-2")
    blobs.note_path(bare, "job-2").unlink()
    aged(blobs.path(bare))

    assert clean(blobs) == 2

    assert files(blobs) == sorted([kept, f"{kept}.job-1.meta.json", "young.part"])


def test_a_full_disk_is_told_as_such_and_leaves_nothing(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = blobs.writer("job-1", 10)
    writer.write(b"abc")
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(BlobsFullError, match="no room on the disk"):
        writer.keep(note_of(writer, "job-1"))
    writer.close()

    assert files(blobs) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(BlobsUnusableError, match="blobs cannot be used"):
        FolderBlobs(tmp_path / "file" / "blobs").writer("job-1", 10).write(b"abc")


@pytest.mark.parametrize("name", ["", "..", "../x", "A" * 64, "a" * 63, "a" * 64 + "/x"])
def test_no_hash_leads_out_of_the_folder(blobs: FolderBlobs, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a blob"):
        blobs.path(name)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a.b", "x" * 65])
def test_no_job_leads_out_of_the_folder(blobs: FolderBlobs, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a blob or job"):
        blobs.note_path("a" * 64, name)
    with pytest.raises(ValueError, match="no name of a blob or job"):
        blobs.writer(name, 10)
