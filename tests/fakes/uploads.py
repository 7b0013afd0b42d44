"""A discovery to which nobody uploads anything."""

from pathlib import Path

from services.discovery.adapters.thread_blob_keeper import ThreadBlobKeeper
from services.discovery.adapters.upload_repository import UploadedSources
from services.discovery.domain.uploads import ColumnRule, NotAdmitted, UploadedFile
from services.discovery.handlers.uploads import Uploads
from services.discovery.ports.jobs import Wish
from shared.blobs.folder import FolderBlobs
from shared.clock import Clock
from shared.contracts.source_list import ListSources, SourcePage


class NoUploads:
    """A ledger without uploaded files."""

    async def submit_upload(
        self,
        wanted: UploadedFile,
        wish: Wish,
        *,
        replaces: bool,
        quota_bytes: int,
        columns: ColumnRule = "preferred",
    ) -> NotAdmitted:
        del wanted, wish, replaces, quota_bytes, columns
        return NotAdmitted("nothing is taken")

    async def admitted_before(self, wanted: UploadedFile) -> None:
        del wanted

    async def uploads(self) -> list[UploadedFile]:
        return []

    async def find_upload(self, source_id: str) -> UploadedFile | None:
        del source_id
        return None

    async def relisted(self) -> list[tuple[str, str, UploadedFile | None]]:
        return []

    async def kept_bytes(self, collection: str | None = None) -> frozenset[tuple[str, str]]:
        del collection
        return frozenset()

    async def leaving(self) -> list[tuple[str, str]]:
        return []

    async def left(self, blob: str, job_id: str) -> None:
        """Nothing is kept."""

    async def rechosen(self, job_id: str) -> UploadedFile | None:
        del job_id
        return None

    async def rechoose(self, job_id: str) -> None:
        del job_id

    async def page_of_sources(self, asked: ListSources) -> SourcePage:
        del asked
        return SourcePage(items=())


def no_uploads(clock: Clock) -> Uploads:
    keeper = ThreadBlobKeeper(FolderBlobs(Path("/nowhere")))
    return Uploads(NoUploads(), UploadedSources(), keeper, clock, quota_bytes=0)
