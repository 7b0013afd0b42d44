"""Bodies that are taken piece by piece: uploads, the one exception from "a body is JSON".

Any page can send a form of files to any server, and the browser adds what it knows of the user. So
whoever uploads says so in a header, which a form cannot have: a browser lets a page of another
site send it only if that site is allowed to (CORS). Which one, and what the body must be, depends
on the address.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from shared.http.marks import UPLOAD_HEADER
from shared.http.problems import ProblemError

MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Stream:
    """Addresses whose bodies are taken so."""

    paths: re.Pattern[str]
    require: Callable[[Headers], None]
    """Looks whether a form of another page can have sent these headers; raises if so."""


Streams = Mapping[str, Sequence[Stream]]
"""By method."""


def stream_of(streams: Streams, scope: Mapping[str, Any]) -> Stream | None:
    """Return how the body of a request is taken piece by piece, if it is."""
    known = streams.get(scope["method"], ())
    return next((one for one in known if one.paths.fullmatch(scope["path"])), None)


def is_for_streams(streams: Streams, path: str) -> bool:
    """Tell whether bodies of any method are taken so at this path."""
    return any(one.paths.fullmatch(path) for some in streams.values() for one in some)


def require_upload(headers: Headers) -> None:
    """Check that no form of another page can have sent this.

    Raises:
        ProblemError: It could have, or it is no multipart/form-data.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        raise ProblemError(415, f"files are uploaded as {MULTIPART}")
    if not headers.get(UPLOAD_HEADER):
        raise ProblemError(
            403, f"an upload needs the header {UPLOAD_HEADER}: 1, which no form of a page can send"
        )


def impatient(receive: Receive, longest_s: float) -> Receive:
    """Receive a body, each piece of which must come within a time.

    Raises:
        ProblemError: In what is returned: nothing has come for so long.
    """

    async def take() -> Message:
        try:
            async with asyncio.timeout(longest_s):
                return await receive()
        except TimeoutError as error:
            raise ProblemError(408, f"nothing of the body has come for {longest_s:g} s") from error

    return take
