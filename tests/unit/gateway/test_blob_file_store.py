"""Uploaded files as the gateway looks into them again, wherever they are."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from services.gateway.adapters.blob_file_store import BlobFileStore, clean_parts
from services.gateway.ports.uploads import UnreadableUploadError
from shared.blobs.errors import BlobsUnusableError
from shared.blobs.object_blobs import ObjectBlobs
from tests.blobs import put
from tests.fakes.clock import FrozenClock
from tests.fakes.objects import FakeObjects


async def test_a_file_of_an_object_store_is_here_while_it_is_read(tmp_path: Path) -> None:
    objects = FakeObjects()
    blobs = ObjectBlobs(objects, tmp_path, 0)
    store, sha256 = BlobFileStore(blobs), put(blobs, b"bytes", "job-1")

    async with store.reading(sha256) as path:
        assert path.read_bytes() == b"bytes"
    assert not path.exists()

    objects.is_away = True
    with pytest.raises(BlobsUnusableError):
        async with store.reading(sha256):
            pass
    objects.is_away = False
    objects.objects.clear()
    with pytest.raises(UnreadableUploadError, match="not kept any more"):
        async with store.reading(sha256):
            pass


async def test_what_a_killed_gateway_has_left_goes_when_it_is_old(tmp_path: Path) -> None:
    clock = FrozenClock(datetime.now().astimezone())
    blobs = ObjectBlobs(FakeObjects(), tmp_path, 0)
    writer = blobs.writer("job-1", 10)
    writer.write(b"half")

    assert await clean_parts(blobs, clock, timedelta(days=1)) == 0
    clock.advance(2 * 86_400)
    assert await clean_parts(blobs, clock, timedelta(days=1)) == 1

    assert not writer.path.exists()
    writer.close()
