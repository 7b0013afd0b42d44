"""Endpoints of uploads that are continued where they broke off: tus 1.0.0."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import ClientDisconnect

from services.gateway.domain.half_uploads import Checksum, KeptUpload, UploadKey, parse_checksum
from services.gateway.handlers.resumable import NoFileError, Piece, Resumable, told
from services.gateway.handlers.upload_answers import ResumableUpload, ResumableUploads
from services.gateway.ports.collections import CollectionBook
from services.gateway.routes.collections import require_collection
from services.gateway.routes.parameters import MOST, Name
from services.gateway.routes.resumable_protocol import (
    OFFSET_TYPE,
    VERSION,
    has_piece,
    speaks_tus,
)
from shared.errors import MapstreamError, TransientError
from shared.http.access import By, OperateRoute
from shared.http.problems import ProblemError, responses

UPLOADS = "/api/collections/{name}/uploads"
UPLOAD = UPLOADS + "/{upload}"
WHY_404 = "There is no such collection, or no such upload of whose token this is."
WHY_409 = "The piece begins elsewhere than the upload ends: ask how far it is."
MANY_409 = "The person has too many uploads in the collection that are not at their end."
WHY_412 = "The request does not speak tus 1.0.0."
WHY_413 = "There are more bytes than were told, or than a file may have; none of them is kept."
WHY_415 = f"A body is a piece of a file: {OFFSET_TYPE}."
WHY_422 = "The request is malformed, or the file, which is whole, was refused: has `files`."
WHY_423 = "Another request has this upload in hand."
WHY_460 = "The piece is not what its checksum says; nothing of it is kept."
WHY_503 = "The bytes cannot be stored now, or the bus is away: go on with what is there."
WHYS = {
    "s404": WHY_404, "s409": WHY_409, "s412": WHY_412, "s413": WHY_413, "s415": WHY_415,
    "s422": WHY_422, "s423": WHY_423, "s460": WHY_460, "s503": WHY_503,
}  # fmt: skip
HEADERS = {
    "Upload-Offset": "How many bytes have come.",
    "Upload-Length": "How many the file has.",
    "Upload-Expires": "When it is removed if nothing comes before.",
    "Upload-Metadata": "As it was given.",
    "Location": "Where its pieces go.",
}
LOOKED = ("Upload-Length", "Upload-Metadata")
Whole = Annotated[int, Field(ge=0, le=MOST)]
Length = Annotated[
    Whole, Header(alias="upload-length", description="How many bytes the file has.")
]
Offset = Annotated[
    Whole, Header(alias="upload-offset", description="Where in the file the piece begins.")
]
Metadata = Annotated[
    str,
    Header(
        alias="upload-metadata",
        description="Pairs `KEY BASE64`, with commas between: `filename` is needed, `filetype` "
        "may be said, and so may the options of an upload: `replace`, `text_columns`, "
        "`context_columns`, `columns`, as JSON.",
    ),
]
UploadId = Annotated[
    str, Path(pattern="^[0-9a-f]{20}$", description="Its id, the end of its address.")
]
SPOKEN = {
    "name": "Tus-Resumable",
    "in": "header",
    "required": True,
    "description": "The version of the protocol.",
    "schema": {"type": "string", "enum": [VERSION]},
}


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is said of an upload at its beginning."""

    collection: str
    by: str
    length: int
    metadata: str


def _beginning(by: By, name: Name, length: Length, metadata: Metadata) -> Beginning:
    return Beginning(name, by, length, metadata)


def _key(by: By, name: Name, upload: UploadId) -> UploadKey:
    return UploadKey(name, by, upload)


def _checked(
    checksum: Annotated[
        str | SkipJsonSchema[None],
        Header(
            alias="upload-checksum",
            pattern="^(sha256|sha1|md5) [A-Za-z0-9+/]+={0,2}$",
            description="By what, and the hash of the piece in base64.",
        ),
    ] = None,
) -> Checksum | None:
    try:
        return parse_checksum(checksum) if checksum else None
    except ValueError as error:
        raise ProblemError(400, str(error)) from error


Began = Annotated[Beginning, Depends(_beginning)]
Key = Annotated[UploadKey, Depends(_key)]
Sum = Annotated[Checksum | None, Depends(_checked)]


class ResumableEndpoints:
    """Says in HTTP what the handler says."""

    def __init__(self, resumable: Resumable, book: CollectionBook) -> None:
        self._resumable = resumable
        self._book = book

    async def begin(self, request: Request, began: Began, checksum: Sum) -> Response:
        """Begin an upload that can be continued after a break, by tus 1.0.0; may have a piece.

        Its pieces go to the `Location` of the answer. Any client of the protocol can do it.
        """
        await require_collection(self._book, began.collection)
        kept = await self._resumable.begin(
            began.collection, began.by, began.length, began.metadata
        )
        key = kept.facts.key
        place = {"location": UPLOAD.format(name=key.collection, upload=key.id)}
        if has_piece(request.headers):
            kept = await self._first(request, key, checksum, place)
        return Response(status_code=201, headers=_headers(kept, "offset", "expires") | place)

    async def _first(
        self, request: Request, key: UploadKey, checksum: Checksum | None, place: dict[str, str]
    ) -> KeptUpload:
        """Take the first piece; who was not told where the others go has no use of it.

        Raises:
            ProblemError: It was not taken.
        """
        try:
            return await self._take(request, key, 0, checksum)
        except TransientError as error:
            raise ProblemError(503, str(error), headers={"retry-after": "2"} | place) from error
        except (ProblemError, MapstreamError):
            await self._resumable.remove(key)
            raise

    async def take(self, request: Request, key: Key, offset: Offset, checksum: Sum) -> Response:
        """Send the next piece of an upload; what of it has come before a break stays.

        With the last byte the file becomes a source, as if it had been uploaded at once: a GET
        tells which. Sent again, an empty piece at the end does no harm.
        """
        kept = await self._take(request, key, offset, checksum)
        return Response(status_code=204, headers=_headers(kept, "offset", "expires"))

    async def _take(
        self, request: Request, key: UploadKey, offset: int, checksum: Checksum | None
    ) -> KeptUpload:
        length = request.headers.get("content-length", "")
        async with aclosing(_body(request)) as body:
            piece = Piece(
                offset=offset,
                length=int(length) if length.isdecimal() else None,
                checksum=checksum,
                body=body,
            )
            try:
                return await self._resumable.take(key, piece)
            except NoFileError as error:
                raise _refused(error) from error

    async def look(self, response: Response, key: Key) -> ResumableUpload:
        """Tell how far an upload is, and in the end what became of it; HEAD has it in headers.

        If all bytes have come, and the answer to the last piece was lost, it tells the same.
        """
        try:
            kept = await self._resumable.look(key)
        except NoFileError as error:
            raise _refused(error) from error
        response.headers.update(_headers(kept, "offset", "length", "expires", "metadata"))
        return told(kept)

    async def all(self, by: By, name: Name) -> ResumableUploads:
        """List the uploads that one has begun, and those that have lately come to their end."""
        return ResumableUploads(items=await self._resumable.all(name, by))

    async def remove(self, key: Key) -> Response:
        """End an upload, and let go of its bytes; a source that was made of it stays."""
        await self._resumable.remove(key)
        return Response(status_code=204)


def _refused(error: NoFileError) -> ProblemError:
    return ProblemError(422, str(error), files=[error.taken.model_dump(mode="json")])


def _headers(kept: KeptUpload, *wanted: str) -> dict[str, str]:
    facts = {
        "offset": str(kept.offset),
        "length": str(kept.facts.length),
        "expires": format_datetime(kept.expires_at, usegmt=True),
        "metadata": kept.facts.metadata,
    }
    return {f"upload-{one}": facts[one] for one in wanted}


async def _body(request: Request) -> AsyncGenerator[bytes, None]:
    """Return a body as it comes.

    Raises:
        ProblemError: The client left.
    """
    try:
        async for some in request.stream():
            yield some
    except ClientDisconnect as error:
        raise ProblemError(400, "the client left before the piece was complete") from error


def _with(*names: str) -> dict[str, Any]:
    told = {"description": "So it is.", "headers": {}}
    for name in names:
        told["headers"][name] = {"description": HEADERS[name], "schema": {"type": "string"}}
    return told


def build_resumable_router(endpoints: ResumableEndpoints) -> APIRouter:
    """Build the routes of uploads that can be continued."""
    router = APIRouter(tags=["sources"], route_class=OperateRoute)
    came = ("Upload-Offset", "Upload-Expires")
    body = {"content": {OFFSET_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
    # Which statuses it may answer with, besides those of every one that changes something.
    piece = (400, 408, 409, 413, 415, 460)
    for path, endpoint, method, fine, statuses, extra in (
        (UPLOADS, endpoints.begin, "POST", {201: _with("Location", *came)}, piece, body),
        (UPLOAD, endpoints.take, "PATCH", {204: _with(*came)}, piece, body | {"required": True}),
        (UPLOAD, endpoints.remove, "DELETE", {204: _with()}, (), None),
    ):
        whys = WHYS | ({"s409": MANY_409} if method == "POST" else {})
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            status_code=next(iter(fine)),
            response_class=Response,
            responses=fine | responses(404, 412, 422, 423, 503, *statuses, **whys),
            openapi_extra={"parameters": [SPOKEN]} | ({"requestBody": extra} if extra else {}),
            dependencies=[Depends(speaks_tus)],
        )
    for path, question, model, fine_200, statuses in (
        (UPLOAD, endpoints.look, ResumableUpload, _with(*LOOKED, *came), (404, 422, 423, 503)),
        (UPLOADS, endpoints.all, ResumableUploads, _with(), (422, 503)),
    ):
        router.add_api_route(
            path,
            question,
            methods=["GET"],
            response_model=model,
            responses={200: fine_200} | responses(*statuses, **WHYS),
        )
    return router
