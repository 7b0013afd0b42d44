"""Tells what files hold, without keeping anything."""

from collections.abc import AsyncIterator
from uuid import uuid4

from services.gateway.domain.parts import Incoming, PartBegun, PartEnded, UploadLimits
from services.gateway.handlers.upload_options import UploadRefusedError
from services.gateway.ports.uploads import FileReader, FileStore, IncomingFile, SourceBook
from shared.blobs.errors import BlobTooLargeError
from shared.contracts.uploads import file_name
from shared.readers.preview import Preview


class Previews:
    """Reads files as discovery will, for people to look at."""

    def __init__(
        self, store: FileStore, reader: FileReader, sources: SourceBook, limits: UploadLimits
    ) -> None:
        """Take what it needs.

        Args:
            store: Where files lie while they are read.
            reader: Reads them.
            sources: Which of them are sources.
            limits: How large one may be.
        """
        self._store = store
        self._reader = reader
        self._sources = sources
        self._limits = limits

    async def of_body(self, parts: AsyncIterator[Incoming]) -> Preview:
        """Read the one file of a body, and let go of it.

        Raises:
            UploadRefusedError: There is none, or not just one, or it is too large.
            UnreadableUploadError: It cannot be read.
            TransientError: There is no room for it.
        """
        begun = await anext(parts, None)
        if not isinstance(begun, PartBegun) or begun.filename is None:
            raise UploadRefusedError("send one file, and nothing else")
        try:
            name = file_name(begun.filename)
        except ValueError as error:
            raise UploadRefusedError(str(error)) from error
        file = self._store.begin(uuid4().hex, self._limits.max_file_bytes)
        try:
            await _receive(parts, file)
            return await self._reader.preview(file.path, name)
        except BlobTooLargeError as error:
            raise UploadRefusedError(str(error)) from error
        finally:
            await file.close()

    async def of_source(self, collection: str, source_id: str) -> Preview | None:
        """Read a file that was uploaded before; none if there is no such one.

        Raises:
            UnreadableUploadError: It cannot be read.
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or its bytes cannot be read now.
        """
        found = await self._sources.find(collection, source_id)
        if found is None or found.upload is None:
            return None
        async with self._store.reading(found.upload.blob) as path:
            return await self._reader.preview(path, found.filename)


async def _receive(parts: AsyncIterator[Incoming], file: IncomingFile) -> None:
    has_ended = False
    async for part in parts:
        if isinstance(part, PartBegun) or (has_ended and not isinstance(part, PartEnded)):
            raise UploadRefusedError("send one file, and nothing else")
        has_ended |= isinstance(part, PartEnded)
        if isinstance(part, bytes):
            await file.write(part)
    if not file.size:
        raise UploadRefusedError("it is empty: put something in it")
    await file.flush()
