"""What is made of answers that no server of loopback can give."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.courier.adapters.blob_file_store import BlobFileStore, BlobIncomingFile
from services.courier.domain.targets import Target
from services.courier.handlers.coming import Fetched, Received
from services.courier.handlers.fetch import Fetcher, Rules
from services.courier.ports import Answer, BrokenError, RefusedError
from shared.blobs.errors import BlobsFullError
from shared.blobs.folder import FolderBlobs
from shared.clock import SystemClock
from shared.contracts.fetching import FetchWork

SHEET = "https://docs.google.com/spreadsheets/d/1aBcDeFgHiJkLmNoPqRsTuVwXyZ/edit#gid=0"
MOST = 1 << 20


class FakeWeb:
    """One answer, to whatever is asked."""

    def __init__(self, body: bytes, **headers: str) -> None:
        self.body = body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.asked = list[str]()

    @asynccontextmanager
    async def get(
        self, target: Target, headers: Mapping[str, str], most_bytes: int
    ) -> AsyncIterator[Answer]:
        del headers, most_bytes
        self.asked.append(target.url)

        async def pieces() -> AsyncIterator[bytes]:
            yield self.body

        yield Answer(200, self.headers, target, pieces())


async def no_pause(seconds: float) -> None:
    del seconds


async def fetch(web: FakeWeb, folder: Path, store: BlobFileStore | None = None) -> object:
    store = store or BlobFileStore(FolderBlobs(folder), SystemClock(), MOST)
    work = FetchWork(
        job="0" * 20, attempt=0, collection="default", url=SHEET, filename=None, by="me"
    )
    return await Fetcher(web, store, Rules(MOST), sleep=no_pause).fetch(work, Received())


async def test_of_a_google_sheet_its_export_is_fetched(tmp_path: Path) -> None:
    web = FakeWeb(
        b"PK\x03\x04 a workbook",
        content_disposition="attachment; filename=\"x.xlsx\"; filename*=UTF-8''%C3%9Cber.xlsx",
    )

    done = await fetch(web, tmp_path)

    assert isinstance(done, Fetched)
    assert done.filename == "Über.xlsx"
    assert web.asked == [SHEET.partition("/edit")[0] + "/export?format=xlsx"]


class FullFileStore(BlobFileStore):
    """A folder whose disk has room once what others have left is gone."""

    def begin(self, job_id: str) -> BlobIncomingFile:
        assert isinstance(self._blobs, FolderBlobs)
        for one in self._blobs.folder.glob("incoming/*"):
            raise BlobsFullError(f"there is no room on the disk of {one.parent}: remove files")
        return super().begin(job_id)


@pytest.mark.parametrize("is_old", [True, False])
async def test_on_a_full_disk_what_others_have_left_goes_before_another_try(
    tmp_path: Path, *, is_old: bool
) -> None:
    (tmp_path / "incoming").mkdir()
    left = tmp_path / "incoming" / "of-a-killed-courier.part"
    left.write_bytes(b"half")
    if is_old:
        os.utime(left, (0, 0))
    web = FakeWeb(b"PK\x03\x04 a workbook", content_disposition="attachment; filename=x.xlsx")
    store = FullFileStore(FolderBlobs(tmp_path), SystemClock(), MOST)

    if is_old:
        assert isinstance(await fetch(web, tmp_path, store), Fetched)
        assert not left.exists()
    else:
        with pytest.raises(BrokenError, match=rf"{tmp_path}.*: remove files \(tried 3 times\)"):
            await fetch(web, tmp_path, store)
        assert left.exists()


async def test_a_sheet_that_is_not_shared_says_what_to_do(tmp_path: Path) -> None:
    web = FakeWeb(b"<!doctype html><title>Sign in</title>", content_type="text/html")

    with pytest.raises(RefusedError, match="share the sheet with everybody who has the link"):
        await fetch(web, tmp_path)

    assert list(tmp_path.iterdir()) == []
