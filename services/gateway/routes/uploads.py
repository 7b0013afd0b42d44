"""Endpoints of uploaded files, and of the sources of a collection."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from multipart import MultipartError, PushMultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from services.gateway.domain.parts import Incoming, PartBegun, PartEnded, UploadLimits
from services.gateway.handlers.examples import NONE, Examples
from services.gateway.handlers.previews import Previews
from services.gateway.handlers.upload_answers import (
    ExampleRules,
    TakenFile,
    UploadAnswer,
    UploadRules,
)
from services.gateway.handlers.upload_options import UploadOptions, UploadRefusedError
from services.gateway.handlers.uploads import Uploads
from services.gateway.ports.collections import CollectionBook
from services.gateway.ports.uploads import SourceBook, UnreadableUploadError
from services.gateway.routes.collections import require_collection
from services.gateway.routes.parameters import Limit, Name
from services.gateway.routes.source_parameters import (
    AfterFile,
    OfKind,
    OfName,
    OfStates,
    Said,
    SourceId,
)
from shared.contracts.source_list import ListSources, SourcePage
from shared.contracts.uploads import LONGEST_NAME
from shared.http.access import By, OperateRoute, ReadRoute
from shared.http.marks import UPLOAD_HEADER
from shared.http.problems import ProblemError, responses
from shared.http.streamed import MULTIPART, Stream, Streams, require_upload
from shared.readers.preview import Preview
from shared.readers.told import FORMATS

SOURCES = "/api/collections/{name}/sources"
PREVIEW = "/api/uploads/preview"
EXAMPLES = "/api/collections/{name}/examples"
LONGEST_PART_HEAD = 8 << 10
SOME_FIELDS = 100
"""Parts beyond the files that are allowed; each of those is refused by itself."""
FILE: dict[str, Any] = {"type": "string", "format": "binary"}
WHY_404 = "There is no such collection, or no such file in it."
WHY_413 = "The body is longer than the limits allow all files to be together."
WHY_415 = "The body is no multipart/form-data."
WHY_422 = "No file was taken: the body says why, and has `files` where there were any."
WHY_503 = "The bus is away, or discovery does not answer a question."
NO_FILE = "collection '{}' has no uploaded file '{}'"


def _body(properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": [*properties][-1:]}
    return {"requestBody": {"required": True, "content": {MULTIPART: {"schema": schema}}}}


def upload_body() -> dict[str, Any]:
    """Describe the body of an upload."""
    options = UploadOptions.model_json_schema()
    return _body({"options": options, "files": {"type": "array", "items": FILE}})


STREAMS: Streams = {
    "POST": (
        Stream(re.compile(f"/api/(collections|groups)/[^/]*/sources|{PREVIEW}"), require_upload),
    ),
}
"""Whose bodies are taken as they come."""


class UploadEndpoints:
    """Takes bodies apart, and calls the handlers."""

    def __init__(
        self,
        uploads: Uploads,
        examples: Examples,
        previews: Previews,
        book: CollectionBook,
        sources: SourceBook,
    ) -> None:
        self._uploads = uploads
        self._examples = examples
        self._previews = previews
        self._book = book
        self._sources = sources

    async def limits(self) -> UploadRules:
        """Tell what may be uploaded, before anything is."""
        limits = self._uploads.limits
        return UploadRules(
            max_file_bytes=limits.max_file_bytes,
            max_files=limits.max_files,
            quota_bytes=limits.quota_bytes,
            max_unfinished=limits.max_unfinished,
            max_name_bytes=LONGEST_NAME,
            formats=list(FORMATS),
            header=UPLOAD_HEADER,
        )

    async def upload(self, request: Request, by: By, name: Name, said: Said) -> Any:
        """Upload files to a collection, each of which becomes a source of it.

        `options`, if there is any, is JSON and comes before the files. Each file is taken or
        refused for itself; one whose name is taken gets a number, unless `replace` says otherwise.
        A job has each read in its turn; pending is one for which discovery has not told it yet.
        """
        del said
        await require_collection(self._book, name)
        async with aclosing(_parts(request, self._uploads.limits)) as parts:
            try:
                files = await self._uploads.take(name, parts, by)
            except UploadRefusedError as error:
                raise ProblemError(422, str(error)) from error
        return _answer(name, files)

    async def examples(self) -> ExampleRules:
        """Tell of the example logs that come with the program."""
        return await self._examples.tell()

    async def add_examples(self, by: By, name: Name) -> Any:
        """Put the example logs on a map: each becomes a source, as if it had been uploaded.

        Those that were put there before stay as they are.
        """
        await require_collection(self._book, name)
        files = await self._examples.take(name, by)
        if files:
            return _answer(name, files)
        raise ProblemError(422, NONE, files=[])

    async def preview(self, request: Request, said: Said) -> Preview:
        """Tell what a file holds and how it would be read; nothing of it is kept.

        What kind of file it is, its encoding and delimiter, each with why; its tables with their
        columns and some examples; what is left out, and warnings.
        """
        del said
        async with aclosing(_parts(request, self._uploads.limits)) as parts:
            try:
                return await self._previews.of_body(parts)
            except (UploadRefusedError, UnreadableUploadError) as error:
                raise ProblemError(422, str(error)) from error

    async def preview_source(self, name: Name, source_id: SourceId) -> Preview:
        """Tell what an uploaded file holds and how it is read."""
        try:
            found = await self._previews.of_source(name, source_id)
        except UnreadableUploadError as error:
            raise ProblemError(422, str(error)) from error
        if found is None:
            raise ProblemError(404, NO_FILE.format(name, source_id))
        return found

    async def list_sources(
        self,
        *,
        name: Name,
        q: OfName = "",
        state: OfStates = None,
        kind: OfKind = None,
        after: AfterFile = "",
        limit: Limit = 50,
    ) -> SourcePage:
        """List the sources of a collection in the order of their names, from folders, too."""
        await require_collection(self._book, name)
        fits = {"text": q, "states": tuple(state or ()), "kind": kind, "limit": limit}
        return await self._sources.page(ListSources(collection=name, after=after, **fits))


def _answer(name: str, files: list[TakenFile]) -> JSONResponse:
    """Say what became of files.

    Raises:
        ProblemError: None of them was taken.
    """
    answer = UploadAnswer(collection=name, files=files).model_dump(mode="json")
    if all(one.state == "refused" for one in files):
        reasons = {one.reason for one in files}
        reason = files[0].reason if len(reasons) == 1 else "no file was taken"
        raise ProblemError(422, reason or "", files=answer["files"])
    return JSONResponse(answer, 202)


async def _parts(request: Request, limits: UploadLimits) -> AsyncGenerator[Incoming, None]:
    """Take a body apart as it comes.

    Raises:
        ProblemError: It is too long, is not what it says, or the client left.
    """
    boundary = parse_options_header(request.headers.get("content-type", ""))[1].get("boundary")
    if not boundary:
        raise ProblemError(415, f"{MULTIPART} needs a boundary")
    taken = 0
    try:
        parser = PushMultipartParser(
            boundary,
            max_header_size=LONGEST_PART_HEAD,
            max_segment_count=limits.max_files + SOME_FIELDS,
        )
        with parser:
            async for chunk in request.stream():
                taken += len(chunk)
                if taken > limits.max_body_bytes:
                    raise ProblemError(413, f"the body has over {limits.max_body_bytes} bytes")
                for event in parser.parse(chunk) if chunk else ():
                    yield _incoming(event)
    except MultipartError as error:
        raise ProblemError(400, f"the body is no {MULTIPART}: {error}") from error
    except ClientDisconnect as error:
        raise ProblemError(400, "the client left before its body was complete") from error


def _incoming(event: Any) -> Incoming:
    if event is None:
        return PartEnded()
    if isinstance(event, bytes | bytearray):
        return bytes(event)
    return PartBegun(event.name or "", event.filename, event.content_type or "")


def build_upload_router(endpoints: UploadEndpoints) -> APIRouter:
    """Build the routes of uploaded files."""
    router = APIRouter(tags=["sources"], route_class=OperateRoute)
    refused = {"s413": WHY_413, "s415": WHY_415, "s422": WHY_422, "s503": WHY_503}
    router.add_api_route(
        SOURCES,
        endpoints.upload,
        methods=["POST"],
        status_code=202,
        response_model=UploadAnswer,
        responses=responses(400, 404, 408, 413, 415, 422, 503, s404=WHY_404, **refused),
        openapi_extra=upload_body(),
    )
    router.add_api_route(
        PREVIEW,
        endpoints.preview,
        methods=["POST"],
        response_model=Preview,
        responses=responses(400, 408, 413, 415, 422, **refused),
        openapi_extra=_body({"file": FILE}),
    )
    router.add_api_route(
        EXAMPLES,
        endpoints.add_examples,
        methods=["POST"],
        status_code=202,
        response_model=UploadAnswer,
        responses=responses(404, 422, 503, s404=WHY_404, s422=WHY_422, s503=WHY_503),
    )
    for path, endpoint, model, problems in _questions(endpoints):
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            response_model=model,
            responses=problems,
            route_class_override=ReadRoute,
        )
    return router


def _questions(endpoints: UploadEndpoints) -> tuple[tuple[str, Any, Any, Any], ...]:
    """List what may only be read: its path, who answers, with what, or with which problems."""
    return (
        ("/api/examples", endpoints.examples, ExampleRules, responses(422, 503)),
        ("/api/uploads/limits", endpoints.limits, UploadRules, responses(422)),
        (
            SOURCES,
            endpoints.list_sources,
            SourcePage,
            responses(404, 503, s404=WHY_404, s503=WHY_503),
        ),
        (
            SOURCES + "/{source_id}/preview",
            endpoints.preview_source,
            Preview,
            responses(404, 422, 503, s404=WHY_404, s422=WHY_422, s503=WHY_503),
        ),
    )
