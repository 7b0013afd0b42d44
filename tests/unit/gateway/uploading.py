"""Uploads over HTTP in process: real folders, and a discovery that takes all."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from services.gateway.adapters.blob_file_store import BlobFileStore
from services.gateway.adapters.folder_example_shelf import FolderExampleShelf
from services.gateway.adapters.folder_half_uploads import RESUMABLE, FolderHalfUploads
from services.gateway.adapters.process_file_reader import ProcessFileReader
from services.gateway.domain.parts import UploadLimits
from services.gateway.handlers.commands import Commands
from services.gateway.handlers.examples import Examples
from services.gateway.handlers.previews import Previews
from services.gateway.handlers.resumable import Resumable
from services.gateway.handlers.uploads import Uploads
from services.gateway.routes.resumable import ResumableEndpoints, build_resumable_router
from services.gateway.routes.resumable_protocol import STREAMS, Tus
from services.gateway.routes.uploads import UploadEndpoints, build_upload_router
from shared.blobs.folder import FolderBlobs
from shared.blobs.notes import BlobNote
from shared.contracts.uploads import SourceUploaded, Upload
from tests.fakes.clock import FrozenClock
from tests.fakes.collection_book import FakeCollectionBook
from tests.fakes.source_book import FakeSourceBook
from tests.unit.gateway.builders import COLLECTION, FakeCommandBus, FakeEventLog, FakeMapReader
from tests.unit.gateway.in_process import guarded

CSV = b"name,note\nAda,first\nGrace,second\n"
LIMITS = UploadLimits(max_file_bytes=1000, max_files=3, quota_bytes=5000, max_unfinished=3)
KEEP = timedelta(hours=24)


class World:
    """The gateway's routes of uploads, over a real folder, and a discovery that takes all."""

    def __init__(
        self,
        folder: Path,
        limits: UploadLimits = LIMITS,
        events: FakeEventLog | None = None,
        **rules: Any,
    ) -> None:
        self.shelf = folder.parent / "shelf"
        self.blobs = FolderBlobs(folder)
        store, reader = BlobFileStore(self.blobs), ProcessFileReader()
        events = self.events = events or FakeEventLog()
        self.bus = FakeCommandBus(events, self.answer)
        commands = Commands(
            ["default"], bus=self.bus, events=events, maps=FakeMapReader(), patience_s=0
        )
        self.sources = FakeSourceBook()
        self.book = FakeCollectionBook(COLLECTION)
        uploads = Uploads(store, reader, commands, FrozenClock(), limits)
        endpoints = UploadEndpoints(
            uploads,
            Examples(FolderExampleShelf((self.shelf,)), uploads),
            Previews(store, reader, self.sources, limits),
            self.book,
            self.sources,
        )
        self.half = FolderHalfUploads(folder / RESUMABLE, KEEP, FrozenClock())
        self.resumable = Resumable(self.half, uploads, FrozenClock())
        resumed = build_resumable_router(ResumableEndpoints(self.resumable, self.book))
        routers = (build_upload_router(endpoints), resumed)
        guard = guarded(*routers, **{"streams": STREAMS} | rules)
        self.app = Tus(guard, limits.max_file_bytes)

    def answer(self, correlation_id: str) -> SourceUploaded:
        """Answer the newest command as discovery does."""
        wish = self.wishes[-1]
        return SourceUploaded(
            id=f"source.uploaded:{wish.job_id}",
            collection="default",
            occurred_at=FrozenClock().now(),
            correlation_id=correlation_id,
            source_id="5" * 32,
            filename=wish.filename,
            blob=wish.blob,
            job_id=wish.job_id,
            size_bytes=1,
            has_replaced=False,
            job=wish.job_id,
        )

    @property
    def wishes(self) -> list[Upload]:
        return [one for _, one in self.bus.sent if isinstance(one, Upload)]

    def kept(self) -> dict[str, bytes]:
        """Return what is kept, by name, and see that nothing else lies there but half uploads."""
        found = {}
        for sha256, job_id, _ in self.blobs.notes():
            note = self.blobs.find(sha256, job_id)
            assert isinstance(note, BlobNote)
            found[note.original_filename] = self.blobs.path(sha256).read_bytes()
        assert not [one for one in self.blobs.folder.glob("incoming/*") if one.is_file()]
        return found
