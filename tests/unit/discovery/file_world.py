"""Files that are sources: the real ledger, the folder of their bytes, and a look."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.adapters.thread_blob_keeper import ThreadBlobKeeper
from services.discovery.adapters.upload_repository import AllSources, UploadedSources
from services.discovery.domain.ledger import CommandRef, Commit, SourceRecord
from services.discovery.domain.sources import SourceStat
from services.discovery.formats import build_reader
from services.discovery.handlers import accounts
from services.discovery.handlers.events import endings
from services.discovery.handlers.forget import Rejected, forget
from services.discovery.handlers.found import Found, SourceToRead
from services.discovery.handlers.listing import ScanOptions
from services.discovery.handlers.scan import scan
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.handlers.uploads import Uploads
from services.discovery.ports.jobs import Wish
from shared.blobs.folder import FolderBlobs
from shared.blobs.ports import Blobs
from shared.clock import SystemClock
from shared.contracts.batches import Batch
from shared.contracts.source_list import ListSources, SourceRow
from shared.contracts.sources import SourceFailed
from shared.contracts.uploads import SourceUploaded, Upload
from tests.blobs import put
from tests.unit.discovery.builders import end_of

CSV = b"name,note\nAda,first\nGrace,second\n"
QUOTA = 1000
CLOCK = SystemClock()


class World:
    """The real ledger, folder and look, and a pipeline that maps at once what is read."""

    def __init__(self, folder: Path, store: SqliteStateStore, place: Blobs | None = None) -> None:
        self.folder, self.store = folder, store
        self.locks = SourceLocks()
        self.blobs = FolderBlobs(folder / "blobs")
        self.place = place or self.blobs
        (folder / "logs").mkdir(exist_ok=True)
        folders = FolderSourceRepository([Root(folder / "logs")])
        runs = agent_run_format(1 << 20, "unchanged")
        self.sources = AllSources(
            folders,
            UploadedSources(),
            self.place,
            lambda file: build_reader(runs, file),
        )
        self.looked_at: list[frozenset[str]] = []
        keeper = ThreadBlobKeeper(self.place)
        self.uploads = Uploads(store, self.sources.uploads, keeper, CLOCK, quota_bytes=QUOTA)
        self.uploads.look = self.note_look
        self.jobs = 0
        self.max_dead_share: float | None = None
        self.is_slow = False
        """Whether what is read is on its way until ``arrive``."""
        self.coming: list[Commit] = []

    async def note_look(self, paths: frozenset[str]) -> None:
        self.looked_at.append(paths)

    async def upload(
        self, content: bytes = CSV, name: str = "a.csv", *, job_id: str = "", **fields: Any
    ) -> SourceUploaded | Rejected:
        self.jobs += 1
        job_id = job_id or f"job-{self.jobs}"
        sha256 = put(self.place, content, job_id, original_filename=name)
        wish = Upload(filename=name, blob=sha256, job_id=job_id, **fields)
        return await self.uploads.admit("default", wish, Wish(job_id, "me", job_id))

    async def look(self, changed: frozenset[str] | None = None) -> list[str]:
        told: list[str] = []

        async def take(found: Found) -> None:
            told.append(await self.settle(found))

        await self.uploads.follow()
        options = ScanOptions("default", changed=changed, max_dead_share=self.max_dead_share)
        await scan(self.sources, self.store, CLOCK, take=take, options=options, locks=self.locks)
        await self.uploads.follow()
        return sorted(told)

    async def settle(self, found: Found) -> str:
        if isinstance(found, SourceToRead):
            one, version = found.stat.source_id, found.source_version
            records = self.records(found.stat)
            await self.store.record_batch(f"{one}:{version}", one, version, len(records))
            await self.store.finish_reading(one, version, end_of(found), CLOCK.now())
            batch = Commit(f"{one}:{version}", one, version, len(records))
            if self.is_slow:
                self.coming.append(batch)
            else:
                await self.commit(batch)
            return f"read {found.stat.filename}: {'; '.join(records)}"
        if isinstance(found, SourceFailed):
            return f"failed {found.filename}: {found.reason}"
        return type(found).__name__

    async def commit(self, commit: Commit) -> None:
        """Have it told that rows are stored; a version that replaces one is shown at once."""
        await self.settle_all(await self.store.apply_committed([commit], CLOCK.now()))

    async def arrive(self) -> None:
        """Have what is on its way wait to be shown, and shown whole if it is to be."""
        batches, self.coming = self.coming, []
        now = CLOCK.now()
        for batch in batches:
            ended = await self.store.apply_committed([replace(batch, is_staged=True)], now)
            if any(one.is_showing for one in ended):
                await self.store.apply_committed([batch], now)
                await self.settle_all(ended)
        await self.uploads.follow()

    async def settle_all(self, ended: Sequence[SourceRecord]) -> None:
        """Have what shows, puts aside or forgets versions settled."""
        for event in endings(ended, CLOCK):
            if isinstance(event, Batch):
                facts = event.descriptor
                one = Commit(facts.batch_id, facts.source_id, facts.source_version, 0)
                await self.commit(one)
            else:
                await accounts.announced(event, self.store)

    async def put_aside(self) -> None:
        """Have it settled that what was cancelled goes unseen."""
        for source in await self.store.discarding():
            batch = source.empty_batch_id if source.is_forgotten else source.discarding_batch_id
            await self.commit(Commit(batch, source.source_id, source.source_version, 0))

    def records(self, stat: SourceStat) -> list[str]:
        content = self.sources.open(stat)
        try:
            found = self.sources.format_of(stat).read(content)
            drafts = [part.draft for part in found if part is not None and hasattr(part, "draft")]
        finally:
            content.close()
        return [one.text.replace("\n", ", ") for one in drafts if one]

    async def remove(self, name: str, key: str = "") -> str:
        self.jobs += 1
        ref = CommandRef(key or f"remove-{self.jobs}", "c")
        done = await forget("default", name, ref, store=self.store, locks=self.locks)
        await self.uploads.follow()
        if isinstance(done, Batch):
            facts = done.descriptor
            await self.commit(Commit(facts.batch_id, facts.source_id, facts.source_version, 0))
        return type(done).__name__

    async def rows(self) -> dict[str, SourceRow]:
        page = await self.store.page_of_sources(ListSources(collection="default"))
        return {one.filename: one for one in page.items}

    def kept(self) -> list[bytes]:
        """Return the bytes that are kept, in order."""
        there = {sha256 for sha256, _, _ in self.blobs.notes()}
        found = [one.name for one in self.blobs.folder.glob("??/*") if "." not in one.name]
        assert sorted(found) == sorted(there)
        return sorted(self.blobs.path(one).read_bytes() for one in there)
