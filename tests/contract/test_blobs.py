"""What every place of blobs promises: a folder, and an object store that speaks S3."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from shared.blobs.errors import BlobTooLargeError
from shared.blobs.folder import FolderBlobs
from shared.blobs.notes import BlobNote
from shared.blobs.object_blobs import ObjectBlobs
from shared.blobs.ports import Blobs
from shared.blobs.s3_objects import S3Objects
from tests.blobs import AT, put, read
from tests.s3_server import S3Server, needs_node

DAY = timedelta(days=1)
CACHE_BYTES = 1 << 20


@dataclass
class Place:
    """One place of blobs, as a service that adds and another one that reads have it."""

    gateway: Blobs
    discovery: Blobs
    folders: tuple[Path, ...]
    """On the disks of both."""
    server: S3Server | None = None
    prefix: str = ""

    def stored(self) -> list[str]:
        """Name all that is stored, as somebody else sees it."""
        if self.server is None:
            there = self.folders[0].glob("??/*")
            return sorted(one.name for one in there if one.is_file())
        return [one.removeprefix(f"{self.prefix}/") for one in self.server.keys(self.prefix)]

    def coming(self) -> list[Path]:
        return [one for folder in self.folders for one in folder.glob("incoming/*")]

    def cut_short(self, sha256: str, job_id: str) -> None:
        if self.server is None:
            (self.folders[0] / sha256[:2] / sha256).write_bytes(b"who")
        else:
            self.server.put(f"{self.prefix}/{sha256}/{job_id}", b"who")

    def lose_note(self, sha256: str, job_id: str) -> None:
        if self.server is None:
            (self.folders[0] / sha256[:2] / f"{sha256}.{job_id}.meta.json").unlink()
        else:
            self.server.delete(f"{self.prefix}/{sha256}/{job_id}.meta.json")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3")).start()
    yield server
    server.kill()


@pytest.fixture(params=["folder", pytest.param("s3", marks=[pytest.mark.integration, needs_node])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        folder = tmp_path / "blobs"
        return Place(FolderBlobs(folder), FolderBlobs(folder), (folder,))
    server: S3Server = request.getfixturevalue("server")
    prefix, folders = f"of/{uuid4().hex}", (tmp_path / "gateway", tmp_path / "discovery")
    objects = S3Objects(server.bucket(prefix))
    adds, reads = (
        ObjectBlobs(objects, folders[0], 0),
        ObjectBlobs(objects, folders[1], CACHE_BYTES),
    )
    return Place(adds, reads, folders, server, prefix)


def now() -> datetime:
    return datetime.now().astimezone()


def test_what_is_kept_is_found_by_its_hash_with_all_that_was_noted(place: Place) -> None:
    sha256 = put(place.gateway, b"name\nAda\n", "job-1", original_filename="zwölf.csv")

    assert read(place.discovery, sha256) == b"name\nAda\n"
    assert place.discovery.find(sha256, "job-1") == BlobNote(
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
    assert place.discovery.find(sha256, "job-2") is None
    assert place.coming() == []


def test_what_is_larger_than_a_piece_comes_back_byte_by_byte(place: Place) -> None:
    content = b"".join(number.to_bytes(4) for number in range(500_000))

    sha256 = put(place.gateway, content, "job-1", most_bytes=len(content))

    assert read(place.discovery, sha256) == content
    assert read(place.discovery, sha256) == content  # and once more, from wherever it is now


def test_one_byte_beyond_the_limit_is_refused_and_nothing_is_left(place: Place) -> None:
    writer = place.gateway.writer("job-1", 10)
    writer.write(b"0123456789")

    with pytest.raises(BlobTooLargeError, match="10 bytes"):
        writer.write(b"x")
    writer.close()

    assert (place.stored(), place.coming()) == ([], [])


def test_what_is_not_kept_is_gone(place: Place) -> None:
    writer = place.gateway.writer("job-1", 10)
    writer.write(b"abc")
    assert [one.name for one in place.coming()] == ["job-1.part"]

    writer.close()

    assert (place.stored(), place.coming()) == ([], [])


def test_equal_bytes_stay_until_the_last_lets_go(place: Place) -> None:
    sha256 = put(place.gateway, b"same", "job-1")
    assert put(place.gateway, b"same", "job-2") == sha256
    assert read(place.discovery, sha256) == b"same"

    place.discovery.remove(sha256, "job-1")

    assert place.discovery.find(sha256, "job-1") is None
    assert place.discovery.find(sha256, "job-2") is not None
    assert read(place.discovery, sha256) == b"same"

    place.discovery.remove(sha256, "job-2")
    place.discovery.remove(sha256, "job-2")

    assert place.stored() == []
    with pytest.raises(FileNotFoundError):
        read(place.discovery, sha256)


def test_the_same_job_may_hand_in_the_same_bytes_again(place: Place) -> None:
    sha256 = put(place.gateway, b"same", "job-1")
    before = place.stored()

    put(place.gateway, b"same", "job-1")

    assert place.stored() == before
    assert place.discovery.find(sha256, "job-1") is not None


def test_every_note_is_listed_with_its_time(place: Place) -> None:
    begun = now()
    hashes = [put(place.gateway, content, "job-1") for content in (b"one", b"two")]
    put(place.gateway, b"two", "job-2")

    found = list(place.discovery.notes())

    wanted = {(hashes[0], "job-1"), (hashes[1], "job-1"), (hashes[1], "job-2")}
    assert {(sha256, job) for sha256, job, _ in found} == wanted
    second = timedelta(seconds=1)  # stores tell no fractions
    assert all(begun - second <= at <= now() + second for _, _, at in found)


def test_a_blob_that_was_cut_short_is_not_found(place: Place) -> None:
    sha256 = put(place.gateway, b"whole", "job-1")
    place.cut_short(sha256, "job-1")

    assert place.discovery.find(sha256, "job-1") is None


def test_what_was_left_goes_when_it_is_old_and_nothing_else(place: Place) -> None:
    kept, bare = put(place.gateway, b"kept", "job-1"), put(place.gateway, b"bare", "job-2")
    place.lose_note(bare, "job-2")
    writer = place.gateway.writer("job-3", 10)
    writer.write(b"half")
    before = place.stored()

    assert place.discovery.clean(now(), DAY) == place.gateway.clean(now(), DAY) == 0
    assert (place.stored(), len(place.coming())) == (before, 1)

    later = now() + 2 * DAY
    assert place.gateway.clean_parts(later, DAY) == 1
    assert place.discovery.clean(later, DAY) == 1

    writer.close()
    assert place.coming() == []
    assert len(place.stored()) == 2  # what is kept, and its note
    assert place.discovery.find(kept, "job-1") is not None
    assert read(place.discovery, kept) == b"kept"


@pytest.mark.parametrize("name", ["", "..", "../x", "A" * 64, "a" * 63, "a" * 64 + "/x"])
def test_no_hash_leads_elsewhere(place: Place, name: str) -> None:
    assert place.discovery.find(name, "job-1") is None
    with pytest.raises(ValueError, match="no name of a blob"):
        place.discovery.remove(name, "job-1")
    with pytest.raises(ValueError, match="no name of a blob"):
        read(place.discovery, name)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a.b", "x" * 65])
def test_no_job_leads_elsewhere(place: Place, name: str) -> None:
    assert place.discovery.find("a" * 64, name) is None
    with pytest.raises(ValueError, match="no name of a blob or job"):
        place.discovery.remove("a" * 64, name)
    with pytest.raises(ValueError, match="no name of a blob or job"):
        place.gateway.writer(name, 10)
