"""The bytes of uploaded files, in the place that the gateway puts them into."""

from datetime import datetime, timedelta

from anyio import to_thread

from shared.blobs.notes import BlobNote
from shared.blobs.ports import Blobs


class ThreadBlobKeeper:
    """Asks the place in a thread."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def find(self, blob: str, job_id: str) -> BlobNote | None:
        """See BlobKeeper."""
        return await to_thread.run_sync(self._blobs.find, blob, job_id)

    async def remove(self, blob: str, job_id: str) -> None:
        """See BlobKeeper."""
        await to_thread.run_sync(self._blobs.remove, blob, job_id)

    async def unknown(
        self, known: frozenset[tuple[str, str]], before: datetime
    ) -> list[tuple[str, str]]:
        """See BlobKeeper."""

        def look() -> list[tuple[str, str]]:
            return [
                (blob, job_id)
                for blob, job_id, at in self._blobs.notes()
                if (blob, job_id) not in known and at < before
            ]

        return await to_thread.run_sync(look)

    async def clean(self, now: datetime, after: timedelta) -> int:
        """See BlobKeeper."""
        return await to_thread.run_sync(self._blobs.clean, now, after)
