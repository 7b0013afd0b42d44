"""Takes files that come over HTTP, each for itself: one that is refused stops no other."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from secrets import token_hex

import structlog

from services.gateway.domain.operations import State
from services.gateway.domain.parts import Incoming, PartBegun, PartEnded, UploadLimits
from services.gateway.handlers.answers import Operation
from services.gateway.handlers.commands import Commands
from services.gateway.handlers.upload_answers import TakenFile, Uploaded
from services.gateway.handlers.upload_options import (
    OPTIONS,
    UploadOptions,
    UploadRefusedError,
    read_options,
)
from services.gateway.ports.uploads import FileReader, FileStore, IncomingFile
from shared.blobs.errors import BlobTooLargeError
from shared.clock import Clock
from shared.contracts.uploads import Upload, file_name
from shared.errors import TransientError, first_leaf
from shared.task_groups import TaskGroup

FILES = "files"
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Coming:
    """A file of a request, until it is taken or refused."""

    given: str
    media_type: str
    job_id: str = field(default_factory=lambda: token_hex(10))
    name: str = ""
    file: IncomingFile | None = None
    """None once it is refused: what still comes of it is passed over."""
    refused: str = ""

    async def refuse(self, reason: str) -> None:
        """Take no more of it."""
        self.refused = reason
        if self.file is not None:
            await self.file.close()
            self.file = None

    def told(self, **more: object) -> TakenFile:
        """Say what became of it."""
        facts = {"given_name": self.given, "state": "refused", "reason": self.refused or None}
        return TakenFile.model_validate(facts | more)


class Uploads:
    """Puts files where discovery finds them, and has it make sources of them."""

    def __init__(
        self,
        store: FileStore,
        reader: FileReader,
        commands: Commands,
        clock: Clock,
        limits: UploadLimits,
    ) -> None:
        """Take what it needs.

        Args:
            store: Where the files go.
            reader: Looks into them.
            commands: Tells discovery of them.
            clock: Dates them.
            limits: What may be uploaded.
        """
        self._store = store
        self._reader = reader
        self._commands = commands
        self._clock = clock
        self.limits = limits

    async def take(
        self, collection: str, parts: AsyncIterator[Incoming], by: str
    ) -> list[TakenFile]:
        """Take the files of a request as they come, and say of each what became of it.

        Args:
            collection: Where they belong.
            parts: The body.
            by: Who sends it.

        Raises:
            UploadRefusedError: What is said of the files cannot be understood.
        """
        tasks: list[asyncio.Task[TakenFile]] = []
        try:
            await self._take(collection, parts, by, tasks)
        except BaseExceptionGroup as group:
            raise first_leaf(group) from group
        if not tasks:
            raise UploadRefusedError(f"there is no file: send some as '{FILES}'")
        return [one.result() for one in tasks]

    async def _take(
        self,
        collection: str,
        parts: AsyncIterator[Incoming],
        by: str,
        tasks: list[asyncio.Task[TakenFile]],
    ) -> None:
        options = UploadOptions()
        async with TaskGroup() as group:
            async for part in parts:
                if not isinstance(part, PartBegun):
                    raise UploadRefusedError("the body has bytes that are of no part")
                if part.filename is None:
                    if tasks:
                        raise UploadRefusedError(f"'{OPTIONS}' comes before the files")
                    options = await read_options(part, parts)
                    continue
                coming = await self._receive(part, parts, len(tasks))
                work = self._settle(collection, coming, options, by)
                tasks.append(group.create_task(work))

    async def _receive(
        self, part: PartBegun, parts: AsyncIterator[Incoming], number: int
    ) -> Coming:
        """Take the bytes of a file; what of it is refused is read, and let go."""
        coming = Coming(part.filename or "", part.media_type)
        try:
            coming.name = file_name(coming.given)
        except ValueError as error:
            coming.refused = str(error)
        if number >= self.limits.max_files:
            coming.refused = f"a request uploads at most {self.limits.max_files} files"
        if not coming.refused:
            coming.file = self._store.begin(coming.job_id, self.limits.max_file_bytes)
        try:
            async for piece in parts:
                if isinstance(piece, PartEnded):
                    break
                if isinstance(piece, bytes) and coming.file is not None:
                    await self._write(coming, coming.file, piece)
        except BaseException:
            await coming.refuse("it did not come to its end")
            raise
        return coming

    async def _write(self, coming: Coming, file: IncomingFile, piece: bytes) -> None:
        try:
            await file.write(piece)
        except BlobTooLargeError:
            await coming.refuse(self.too_large())
        except TransientError as error:
            log.warning("upload.refused", reason=str(error))
            await coming.refuse(str(error))

    def too_large(self) -> str:
        """Say that a file is larger than one may be."""
        return (
            f"it is larger than {self.limits.max_file_bytes:,} bytes: split it, or have "
            "blobs.max_file_mb raised"
        )

    async def _settle(
        self, collection: str, coming: Coming, options: UploadOptions, by: str
    ) -> TakenFile:
        """Have a file that has come made a source, if it is one that can be read."""
        file = coming.file
        if file is None:
            return coming.told()
        try:
            return await self._make(collection, coming, file, options, by)
        except TransientError as error:
            log.warning("upload.refused", reason=str(error))
            coming.refused = str(error)
            return coming.told()
        finally:
            await file.close()

    async def make(
        self,
        collection: str,
        coming: Coming,
        pieces: AsyncIterator[bytes],
        options: UploadOptions,
        by: str,
    ) -> TakenFile:
        """Have a file that has come before made a source; the same again is the same source.

        Args:
            collection: Where it belongs.
            coming: What it is called, and its job.
            pieces: Its bytes.
            options: What is said of it.
            by: Who has sent it.

        Raises:
            TransientError: Not now: its bytes cannot be stored, or the bus is away.
        """
        file = self._store.begin(coming.job_id, self.limits.max_file_bytes)
        try:
            async for piece in pieces:
                await file.write(piece)
            return await self._make(collection, coming, file, options, by)
        except BlobTooLargeError:
            coming.refused = self.too_large()
            return coming.told()
        finally:
            await file.close()

    async def _make(
        self, collection: str, coming: Coming, file: IncomingFile, options: UploadOptions, by: str
    ) -> TakenFile:
        """Have a file kept, and made a source, if it is one that can be read.

        Raises:
            TransientError: Not now.
        """
        try:
            coming.refused = await self._why_not(coming, file, options) or ""
            if not coming.refused:
                await file.keep(
                    collection=collection,
                    filename=coming.name,
                    media_type=coming.media_type,
                    at=self._clock.now(),
                    by=by,
                )
                return await self._admit(collection, coming, file, options, by)
        except BlobTooLargeError:
            coming.refused = self.too_large()
        return coming.told()

    async def _why_not(
        self, coming: Coming, file: IncomingFile, options: UploadOptions
    ) -> str | None:
        if not file.size:
            return "it is empty: put something in it"
        columns = (*options.text_columns, *(options.context_columns or ()))
        await file.flush()
        return await self._reader.why_not(file.path, coming.name, columns)

    async def _admit(
        self, collection: str, coming: Coming, file: IncomingFile, options: UploadOptions, by: str
    ) -> TakenFile:
        """Tell discovery.

        Raises:
            BusAway: The bus did not take it, or did not say so.
        """
        blob, job = file.sha256, coming.job_id
        wish = Upload(filename=coming.name, blob=blob, job_id=job, **options.model_dump())
        operation = await self._commands.carry_out(collection, wish, caller=by)
        told = {"correlation_id": operation.id, "sha256": blob, "size_bytes": file.size}
        return _became(coming.told(state="pending", job=job, **told), operation)

    async def news_of(self, taken: TakenFile) -> TakenFile:
        """Return what has become of a file that discovery had not answered about.

        Raises:
            TransientError: The bus or the public files cannot be asked.
        """
        known = taken.state == "pending" and taken.correlation_id
        operation = await self._commands.find(taken.correlation_id or "") if known else None
        return taken if operation is None else _became(taken, operation)


def _became(file: TakenFile, operation: Operation) -> TakenFile:
    """Say what became of a file of which discovery was told."""
    result = operation.result
    news: dict[str, object] = {"reason": operation.reason}
    if isinstance(result, Uploaded):
        news |= {"state": "added", "filename": result.filename, "job": result.job}
        news |= {"source_id": result.source_id}
    elif operation.state is not State.PENDING:
        news |= {"state": "refused", "job": None}
    return file.model_copy(update=news)
