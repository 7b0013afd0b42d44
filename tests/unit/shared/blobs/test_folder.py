"""Blobs in a folder: whole or not there, and there as long as somebody wants them."""

import errno
import hashlib
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.blobs.errors import BlobsFullError, BlobsUnusableError, BlobTooLargeError
from shared.blobs.folder import FolderBlobs
from shared.blobs.notes import BlobNote
from tests.blobs import AT, note_of, put

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


def test_what_is_kept_is_found_by_its_hash_with_all_that_was_noted(blobs: FolderBlobs) -> None:
    sha256 = put(blobs, b"name\nAda\n", "job-1", original_filename="zwölf.csv")

    assert blobs.path(sha256).read_bytes() == b"name\nAda\n"
    assert blobs.find(sha256, "job-1") == BlobNote(
        job_id="job-1",
        collection="default",
        original_filename="zwölf.csv",
        source_type="upload",
        source_url=None,
        file_type="csv",
        mime_type="text/csv",
        file_size_bytes=9,
        checksum_sha256=hashlib.sha256(b"name\nAda\n").hexdigest(),
        checksum_md5=hashlib.md5(b"name\nAda\n", usedforsecurity=False).hexdigest(),
        downloaded_at=AT,
        downloaded_by="somebody",
    )
    assert blobs.find(sha256, "job-2") is None


def test_one_byte_beyond_the_limit_is_refused_and_nothing_is_left(blobs: FolderBlobs) -> None:
    writer = blobs.writer("job-1", 10)
    writer.write(b"0123456789")

    with pytest.raises(BlobTooLargeError, match="10 bytes"):
        writer.write(b"x")
    writer.close()

    assert files(blobs) == []


def test_what_is_not_kept_is_gone(blobs: FolderBlobs) -> None:
    writer = blobs.writer("job-1", 10)
    writer.write(b"abc")
    assert files(blobs) == ["job-1.part"]

    writer.close()

    assert files(blobs) == []


def test_equal_bytes_are_kept_once_until_the_last_lets_go(blobs: FolderBlobs) -> None:
    sha256 = put(blobs, b"same", "job-1")
    assert put(blobs, b"same", "job-2") == sha256

    assert not blobs.remove(sha256, "job-1")
    assert blobs.find(sha256, "job-2") is not None
    assert blobs.remove(sha256, "job-2")
    assert not blobs.remove(sha256, "job-2")

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


def test_a_blob_that_was_cut_short_is_not_found(blobs: FolderBlobs) -> None:
    sha256 = put(blobs, b"whole", "job-1")
    blobs.path(sha256).write_bytes(b"who")

    assert blobs.find(sha256, "job-1") is None
