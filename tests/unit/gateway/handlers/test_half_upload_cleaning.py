import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

from services.gateway.adapters.folder_half_uploads import FolderHalfUploads
from services.gateway.domain.half_uploads import HalfUpload
from services.gateway.handlers.half_upload_cleaning import HalfUploadCleaner
from shared.clock import SystemClock
from tests.waiting import PATIENCE_S


async def kept(half: FolderHalfUploads, collections: Sequence[str]) -> list[HalfUpload]:
    """Begin an upload in each."""
    return [
        (
            await half.begin(
                HalfUpload(
                    id=token_hex(10), collection=one, by="anna", filename="a.csv",
                    media_type="", metadata="", options="{}", length=10,
                )
            )
        ).facts
        for one in collections
    ]  # fmt: skip


async def test_what_is_half_goes_with_its_collection(tmp_path: Path) -> None:
    clock = SystemClock()
    half = FolderHalfUploads(tmp_path, timedelta(hours=24), clock)
    held, free, other = await kept(half, ["gone", "gone", "gone-not"])
    cleaner = HalfUploadCleaner(half, clock)

    async def until_left(*those: HalfUpload) -> None:
        wanted = {one.id for one in those}
        async with asyncio.timeout(PATIENCE_S):
            while {one.name.split(".")[2] for one in tmp_path.iterdir()} != wanted:
                await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        cleaning = group.create_task(cleaner.keep_clean())
        await until_left(held, free, other)
        async with half.opened(held.key):
            cleaner.leave("gone")
            await until_left(held, other)
        cleaner.leave("gone")
        await until_left(other)
        cleaning.cancel()
