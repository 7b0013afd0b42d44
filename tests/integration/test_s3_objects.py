"""A real object store that is wrong, away, or silent: each is told, and passes."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from shared.blobs.choosing import blob_checks, build_blobs
from shared.blobs.errors import BlobsRefusedError, BlobsUnusableError
from shared.blobs.object_blobs import ObjectBlobs
from shared.blobs.s3_objects import Bucket, S3Objects
from shared.blobs.settings import BlobsSection
from shared.preflight import examine
from tests.blobs import note_of, put, read
from tests.s3_server import BUCKET, KEY, SECRET, S3Server, needs_node

pytestmark = [pytest.mark.integration, needs_node]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    server = S3Server(tmp_path / "s3").start()
    yield server
    server.kill()


def section(server: S3Server, **facts: Any) -> BlobsSection:
    told: dict[str, Any] = {
        "url": f"s3://{BUCKET}/some/where/",
        "s3_endpoint": server.endpoint,
        "s3_access_key_id": KEY,
        "s3_secret_access_key": SECRET,
    }
    return BlobsSection.model_validate(told | facts)


def test_a_store_that_is_as_the_settings_say_is_used_and_nothing_is_left_of_the_check(
    server: S3Server, tmp_path: Path
) -> None:
    (finding,) = examine(blob_checks(section(server)))
    assert (finding.is_ok, finding.found) == (True, "can be listed and written")
    assert server.keys() == []

    blobs = build_blobs(section(server), tmp_path / "state", reads_again=True)
    sha256 = put(blobs, b"bytes", "job-1")

    assert server.keys() == [
        f"some/where/{sha256}/job-1",
        f"some/where/{sha256}/job-1.meta.json",
    ]
    assert server.get(f"some/where/{sha256}/job-1") == b"bytes"
    assert read(blobs, sha256) == b"bytes"
    there = [one.name for one in (tmp_path / "state" / "blobs").rglob("*") if one.is_file()]
    assert there == [sha256]


def test_its_address_is_loaded_by_whoever_has_it_and_by_nobody_who_changes_it(
    server: S3Server, tmp_path: Path
) -> None:
    blobs = build_blobs(section(server), tmp_path)
    sha256 = put(blobs, b"bytes", "job-1")

    url = blobs.url(sha256, "job-1")

    assert url
    assert httpx.get(url).content == b"bytes"
    assert httpx.get(url.replace("/job-1", "/job-1.meta.json")).status_code == 403


def test_what_is_not_set_is_taken_from_the_variables_of_aws(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    given = {"s3_access_key_id": None, "s3_secret_access_key": None}
    blobs = build_blobs(section(server, **given), tmp_path)

    assert read(blobs, put(blobs, b"bytes", "job-1")) == b"bytes"


@pytest.mark.parametrize(
    ("wrong", "settings"),
    [
        ({"s3_access_key_id": "nobody"}, "blobs.s3_access_key_id"),
        # pragma: allowlist nextline secret
        ({"s3_secret_access_key": "wrong"}, "blobs.s3_secret_access_key"),
        ({"url": "s3://nobucket"}, "there is no bucket 'nobucket'.*blobs.url"),
    ],
)
def test_what_is_wrong_is_told_at_the_start_and_by_every_request(
    server: S3Server, tmp_path: Path, wrong: dict[str, str], settings: str
) -> None:
    wrongly = section(server, **wrong)
    (finding,) = examine(blob_checks(wrongly))
    assert not finding.is_ok

    blobs = build_blobs(wrongly, tmp_path)
    for ask in (
        lambda: put(blobs, b"bytes", "job-1"),
        lambda: blobs.find("a" * 64, "job-1"),
        lambda: read(blobs, "a" * 64),
        lambda: blobs.remove("a" * 64, "job-1"),
        lambda: list(blobs.notes()),
    ):
        with pytest.raises(BlobsRefusedError, match=settings) as told:
            ask()
        assert "wrong" not in str(told.value)  # no secret
    assert server.keys() == []


def test_a_store_that_is_away_is_waited_for_and_nothing_is_lost(
    server: S3Server, tmp_path: Path
) -> None:
    blobs = build_blobs(section(server), tmp_path)
    sha256 = put(blobs, b"bytes", "job-1")
    writer = blobs.writer("job-2", 10)
    writer.write(b"more")
    server.kill()

    (finding,) = examine(blob_checks(section(server)))
    assert finding.is_ok
    assert "waited for" in finding.found
    for ask in (
        lambda: writer.keep(note_of(writer, "job-2")),
        lambda: blobs.find(sha256, "job-1"),
        lambda: read(blobs, sha256),
    ):
        with pytest.raises(BlobsUnusableError, match=r"blobs\.s3_endpoint") as told:
            ask()
        assert not isinstance(told.value, BlobsRefusedError)

    server.start()
    assert read(blobs, sha256) == b"bytes"
    writer.keep(note_of(writer, "job-2"))
    assert blobs.find(writer.sha256, "job-2") is not None


def test_a_store_that_takes_a_call_and_says_nothing_is_not_waited_for_without_end(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        bucket = Bucket(
            name=BUCKET, endpoint=endpoint, access_key_id=KEY, secret_access_key=SECRET,
            most_bytes=1,
        )  # fmt: skip
        blobs = ObjectBlobs(S3Objects(bucket, timedelta(milliseconds=200)), tmp_path, 0)

        for ask in (
            lambda: put(blobs, b"bytes", "job-1"),
            lambda: list(blobs.notes()),
        ):
            with pytest.raises(BlobsUnusableError, match="does not answer"):
                ask()


def test_plain_http_is_spoken_only_where_the_address_says_so(server: S3Server) -> None:
    secure = f"https://127.0.0.1:{urlsplit(server.endpoint).port}"
    bucket = server.bucket(endpoint=secure)

    with pytest.raises(BlobsUnusableError, match="does not answer"):
        S3Objects(bucket, timedelta(seconds=2)).get("key")
