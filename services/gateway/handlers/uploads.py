"""Takes files that come over HTTP, each for itself: one that is refused stops no other."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from secrets import token_hex

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.gateway.domain.operations import State
from services.gateway.domain.parts import (
    MOST_OPTIONS,
    Incoming,
    PartBegun,
    PartEnded,
    UploadLimits,
)
from services.gateway.handlers.commands import Commands
from services.gateway.handlers.upload_answers import TakenFile, Uploaded
from services.gateway.ports.uploads import FileReader, FileStore, IncomingFile
from shared.blobs.errors import BlobTooLargeError
from shared.clock import Clock
from shared.contracts.uploads import ColumnRule, Columns, Upload, file_name
from shared.errors import MapstreamError, TransientError, first_leaf
from shared.task_groups import TaskGroup

OPTIONS, FILES = "options", "files"
log = structlog.get_logger(__name__)


class UploadRefusedError(MapstreamError):
    """A whole request cannot be taken; says why."""


class UploadOptions(BaseModel):
    """What is said of all files of a request; JSON, before them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    replace: bool = Field(
        default=False,
        description="Whether a file takes the place of the uploaded one of its name; else it "
        "becomes `name (2).ext`.",
    )
    text_columns: Columns = Field(
        default=(),
        description="Of tables, the columns that make the text of a record; none: all of them.",
    )
    context_columns: Columns | None = Field(
        default=None,
        description="Of tables, the columns that are kept as attributes; null: all that make no "
        "text.",
    )
    columns: ColumnRule = Field(
        default="preferred",
        description="preferred: where no columns are named, those that the collection prefers; "
        "own: those that are named here, or all; kept: those, and the collection prefers them "
        "from now on.",
    )


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
                    options = await _options(part, parts)
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
            await coming.refuse(self._too_large())
        except TransientError as error:
            log.warning("upload.refused", reason=str(error))
            await coming.refuse(str(error))

    def _too_large(self) -> str:
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
            reason = await self._why_not(coming, file, options)
            if reason is None:
                await file.keep(
                    collection=collection,
                    filename=coming.name,
                    media_type=coming.media_type,
                    at=self._clock.now(),
                    by=by,
                )
                return await self._admit(collection, coming, options, by)
        except BlobTooLargeError:
            reason = self._too_large()
        except TransientError as error:
            log.warning("upload.refused", reason=str(error))
            reason = str(error)
        finally:
            await file.close()
        coming.refused = reason
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
        self, collection: str, coming: Coming, options: UploadOptions, by: str
    ) -> TakenFile:
        """Tell discovery.

        Raises:
            BusAway: The bus did not take it, or did not say so.
        """
        blob = coming.file.sha256 if coming.file else ""
        size = coming.file.size if coming.file else 0
        wish = Upload(
            filename=coming.name, blob=blob, job_id=coming.job_id, **options.model_dump()
        )
        operation = await self._commands.carry_out(collection, wish, caller=by)
        told = {"correlation_id": operation.id, "sha256": blob, "size_bytes": size}
        result = operation.result
        if operation.state is State.PENDING or not isinstance(result, Uploaded):
            is_pending = operation.state is State.PENDING
            state = "pending" if is_pending else "refused"
            job = coming.job_id if is_pending else None
            return coming.told(state=state, reason=operation.reason, job=job, **told)
        return coming.told(
            state="added",
            source_id=result.source_id,
            filename=result.filename,
            job=result.job,
            **told,
        )


async def _options(part: PartBegun, parts: AsyncIterator[Incoming]) -> UploadOptions:
    """Read what is said of the files.

    Raises:
        UploadRefusedError: It cannot be understood.
    """
    if part.field != OPTIONS:
        raise UploadRefusedError(
            f"there is no field '{part.field:.100}'; there are '{OPTIONS}' and files"
        )
    said = bytearray()
    async for piece in parts:
        if isinstance(piece, PartEnded):
            break
        if isinstance(piece, bytes):
            said += piece
        if len(said) > MOST_OPTIONS:
            raise UploadRefusedError(f"'{OPTIONS}' is longer than {MOST_OPTIONS} bytes")
    try:
        return UploadOptions.model_validate_json(bytes(said))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(one) for one in (OPTIONS, *first["loc"]))
        raise UploadRefusedError(f"{where}: {first['msg']}") from error
