"""Uploads a file to the gateway, piece by piece: plain, blocking code that a thread runs."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from services.cli.adapters.http_gateway import Gateway, read_answer
from shared.errors import TransientError

PIECE_BYTES = 1 << 18
Tell = Callable[[int], None]
"""Told how many bytes more were sent."""


def upload(
    gateway: Gateway, collection: str, file: Path, said: dict[str, Any], tell: Tell
) -> dict[str, Any]:
    """Upload a file and return what became of it, in the gateway's words.

    Raises:
        ConfigurationError: The address is none, or the request was not understood.
        TransientError: The gateway does not answer.
    """
    boundary = uuid4().hex
    head = _head(boundary, file.name, said)
    tail = f"\r\n--{boundary}--\r\n".encode()
    connection = gateway.connect()
    try:
        connection.putrequest("POST", f"/api/collections/{quote(collection, safe='')}/sources")
        connection.putheader("content-type", f"multipart/form-data; boundary={boundary}")
        connection.putheader("content-length", str(len(head) + file.stat().st_size + len(tail)))
        connection.putheader("x-mapstream-upload", "mapstream sources add")
        if gateway.token:
            connection.putheader("authorization", f"Bearer {gateway.token}")
        connection.endheaders()
        with suppress(BrokenPipeError, ConnectionResetError):  # it has answered already
            connection.send(head)
            for piece in _pieces(file):
                connection.send(piece)
                tell(len(piece))
            connection.send(tail)
        answer = connection.getresponse()
        return _understood(answer.status, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(f"{gateway.url} does not answer: {error}") from error
    finally:
        connection.close()


def _head(boundary: str, name: str, said: dict[str, Any]) -> bytes:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
    return (
        f'--{boundary}\r\ncontent-disposition: form-data; name="options"\r\n\r\n{json.dumps(said)}'
        f'\r\n--{boundary}\r\ncontent-disposition: form-data; name="files"; filename="{quoted}"'
        "\r\ncontent-type: application/octet-stream\r\n\r\n"
    ).encode("utf-8", "replace")


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE_BYTES):
            yield piece


def _understood(status: int, body: bytes) -> dict[str, Any]:
    """Read the answer; one that is about files tells of each, whatever its status is.

    Raises:
        ConfigurationError: The request was refused as a whole.
        TransientError: It cannot be answered now.
    """
    answer = read_answer(status, body, is_told=lambda told: bool(told.get("files")))
    return dict(answer["files"][0])
