"""Uploads that go on where they broke off: their bytes are kept until all have come."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

from anyio import CancelScope
from pydantic import ValidationError

from services.gateway.domain.half_uploads import (
    Checksum,
    HalfUpload,
    KeptUpload,
    UploadKey,
    parse_metadata,
    said_of,
    text_of,
)
from services.gateway.handlers.upload_answers import ResumableUpload, TakenFile
from services.gateway.handlers.upload_options import UploadOptions, UploadRefusedError
from services.gateway.handlers.uploads import Coming, Uploads
from services.gateway.ports.half_uploads import (
    BusyUploadError,
    HalfUploads,
    NoUploadError,
    OpenUpload,
)
from shared.clock import Clock
from shared.contracts.uploads import file_name
from shared.errors import MapstreamError, TransientError

MOST_ENDED = 100
"""So many uploads of a person that are at their end are still told of, in a collection."""


class TooManyUploadsError(MapstreamError):
    """Somebody has too many uploads that are not at their end; says what to do."""


class OffsetError(MapstreamError):
    """A piece begins elsewhere than the upload ends."""


class TooLongError(MapstreamError):
    """There are more bytes than were told, or than are allowed."""


class ChecksumError(MapstreamError):
    """A piece is not what it was when it was sent; nothing of it is kept."""


class NoFileError(MapstreamError):
    """All bytes came, and make no source; says why."""

    def __init__(self, taken: TakenFile) -> None:
        super().__init__(taken.reason or "it was refused")
        self.taken = taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What comes in one request."""

    offset: int
    """Where in the file it begins."""
    length: int | None
    """Bytes, if that is known before."""
    checksum: Checksum | None
    body: AsyncIterator[bytes]


class Resumable:
    """Takes uploads piece by piece, and has a source made of each that is whole."""

    def __init__(self, kept: HalfUploads, uploads: Uploads, clock: Clock) -> None:
        """Take what it needs.

        Args:
            kept: Where the bytes are meanwhile.
            uploads: Makes sources.
            clock: Tells what has expired.
        """
        self._kept = kept
        self._uploads = uploads
        self._clock = clock
        self._most = uploads.limits.max_unfinished
        self._beginning = asyncio.Lock()

    async def begin(self, collection: str, by: str, length: int, metadata: str) -> KeptUpload:
        """Begin an upload of so many bytes.

        Raises:
            UploadRefusedError: There is no file of that name, length or options.
            TooLongError: It is larger than a file may be.
            TooManyUploadsError: Somebody has too many already.
            TransientError: It cannot be kept now.
        """
        limits = self._uploads.limits
        if length > min(limits.max_file_bytes, limits.quota_bytes):
            raise TooLongError(self._uploads.too_large())
        if not length:
            raise UploadRefusedError("it is empty: put something in it")
        facts = _facts(collection, by, length, metadata)
        async with self._beginning:
            await self._make_room(collection, by)
            return await self._kept.begin(facts)

    async def _make_room(self, collection: str, by: str) -> None:
        there = await self._kept.of(collection, by)
        if sum(one.is_open for one in there) >= self._most:
            raise TooManyUploadsError(
                f"'{by}' has {self._most} uploads that are not at their end: continue or delete "
                "one, or have blobs.max_unfinished raised"
            )
        ended = [one.facts.key for one in there if not one.is_open]
        for key in ended[: max(0, len(ended) + 1 - MOST_ENDED)]:
            with suppress(NoUploadError, BusyUploadError):
                await self.remove(key)

    async def take(self, key: UploadKey, piece: Piece) -> KeptUpload:
        """Take a piece; with the last one, have a source made. What comes before a break stays.

        Raises:
            NoUploadError: There is no such upload.
            BusyUploadError: Another request has it.
            OffsetError: The piece begins elsewhere.
            TooLongError: It goes on beyond the end; nothing of it is kept.
            ChecksumError: It is not what was sent; nothing of it is kept.
            NoFileError: The file is refused.
            TransientError: It cannot be stored, or no source be made, now.
        """
        async with self._kept.opened(key) as upload:
            if piece.offset != upload.offset:
                raise OffsetError(
                    f"the piece begins at {piece.offset}, and {upload.offset} bytes are there"
                )
            if piece.length is not None and piece.offset + piece.length > upload.facts.length:
                raise TooLongError(_beyond(upload))
            await _receive(upload, piece)
            if upload.offset == upload.facts.length:
                await self._end(upload)
        return await self._kept.find(key)

    async def look(self, key: UploadKey) -> KeptUpload:
        """Tell how far an upload is; one whose bytes are all there is brought to its end.

        Raises:
            NoUploadError: There is no such upload.
            BusyUploadError: Another request brings it to its end.
            NoFileError: The file was refused.
            TransientError: No source can be made now.
        """
        found = await self._kept.find(key)
        if found.offset < found.facts.length:
            return found
        async with self._kept.opened(key) as upload:
            await self._end(upload)
        return await self._kept.find(key)

    async def all(self, collection: str, by: str) -> list[ResumableUpload]:
        """Tell of all uploads that somebody has in a collection; raises TransientError."""
        return [told(one) for one in await self._kept.of(collection, by)]

    async def remove(self, key: UploadKey) -> None:
        """Let go of an upload; a source that was made of it stays.

        Raises:
            NoUploadError: There is no such upload.
            BusyUploadError: Another request has it.
            TransientError: It cannot be removed.
        """
        async with self._kept.opened(key) as upload:
            await upload.remove()

    async def _end(self, upload: OpenUpload) -> None:
        """Have a source made of a file that is whole; the same again is the same source.

        Raises:
            NoFileError: The file is refused.
            TransientError: Not now.
        """
        facts = upload.facts
        if facts.taken is None:
            coming = Coming(facts.filename, facts.media_type, facts.id, facts.filename)
            options = UploadOptions.model_validate_json(facts.options)
            pieces = upload.pieces()
            taken = await self._uploads.make(facts.collection, coming, pieces, options, facts.by)
            await upload.end(replace(facts, taken=taken.model_dump_json()))
        else:
            known = taken = TakenFile.model_validate_json(facts.taken)
            with suppress(TransientError):
                taken = await self._uploads.news_of(known)
            if taken != known:
                await upload.note(replace(facts, taken=taken.model_dump_json()))
        if taken.state == "refused":
            raise NoFileError(taken)


async def _receive(upload: OpenUpload, piece: Piece) -> None:
    """Write a piece; of one that is to be checked all or nothing stays."""
    offset, checksum = piece.offset, piece.checksum
    hasher = checksum.hasher() if checksum else None
    if checksum:
        await upload.note(replace(upload.facts, unsure_from=offset))
    is_kept = checksum is None
    try:
        async for some in piece.body:
            if upload.offset + len(some) > upload.facts.length:
                is_kept = False
                raise TooLongError(_beyond(upload))
            if hasher:
                hasher.update(some)
            await upload.write(some)
        if checksum and hasher and hasher.digest() != checksum.digest:
            raise ChecksumError(f"the piece has another {checksum.algorithm}: send it again")
        is_kept = True
    finally:
        with CancelScope(shield=True):
            await (upload.sync() if is_kept else upload.cut(offset))
            if checksum:
                await upload.note(replace(upload.facts, unsure_from=None))


def _beyond(upload: OpenUpload) -> str:
    return f"the piece goes on beyond the {upload.facts.length} bytes of the file"


def _facts(collection: str, by: str, length: int, given: str) -> HalfUpload:
    """Read what is said of a file.

    Raises:
        UploadRefusedError: It cannot be understood.
    """
    try:
        metadata = parse_metadata(given)
        name, media_type = file_name(text_of(metadata, "filename")), text_of(metadata, "filetype")
        options = _options(metadata)
    except ValueError as error:
        raise UploadRefusedError(str(error)) from error
    return HalfUpload(
        id=token_hex(10),
        collection=collection,
        by=by,
        filename=name,
        media_type=media_type,
        metadata=given,
        options=options.model_dump_json(),
        length=length,
    )


def _options(metadata: Mapping[str, bytes]) -> UploadOptions:
    """Read the options; whatever else clients say is passed over.

    Raises:
        ValueError: One has no such value.
    """
    said = {key: said_of(metadata, key) for key in UploadOptions.model_fields if key in metadata}
    try:
        return UploadOptions.model_validate_json(json.dumps(said))
    except ValidationError as error:
        first: Any = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(one) for one in first["loc"])
        raise ValueError(f"Upload-Metadata: {where}: {first['msg']}") from error


def told(one: KeptUpload) -> ResumableUpload:
    """Tell of an upload."""
    facts = one.facts
    return ResumableUpload(
        id=facts.id,
        collection=facts.collection,
        filename=facts.filename,
        length=facts.length,
        offset=one.offset,
        expires_at=one.expires_at,
        file=None if facts.taken is None else TakenFile.model_validate_json(facts.taken),
    )
