"""Bodies that are taken piece by piece: uploads, the one exception from "a body is JSON".

Any page can send a form of files to any server, and the browser adds what it knows of the user. So
whoever uploads says so in a header, which a form cannot have: a browser lets a page of another
site send it only if that site is allowed to (CORS).
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from shared.http.marks import UPLOAD_HEADER
from shared.http.problems import ProblemError

MULTIPART = "multipart/form-data"
Streams = Mapping[str, re.Pattern[str]]
"""By method, the paths whose bodies are taken so."""


def is_streamed(streams: Streams, scope: Mapping[str, Any]) -> bool:
    """Tell whether the body of a request is taken piece by piece."""
    pattern = streams.get(scope["method"])
    return pattern is not None and pattern.fullmatch(scope["path"]) is not None


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
