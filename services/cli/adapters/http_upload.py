"""Uploads a file to the gateway by tus, so that it goes on after a break: blocking code."""

import http.client
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from services.cli.adapters.http_gateway import Gateway, read_answer
from shared.errors import ConfigurationError, TransientError

PIECE_BYTES = 1 << 18
TRIES = 30
"""So often it is tried to go on without any more bytes having come; some two minutes."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
TUS = {"tus-resumable": "1.0.0"}
PIECE = TUS | {"content-type": "application/offset+octet-stream"}
REFUSED = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
Tell = Callable[[int], None]
"""Told how many bytes more were sent, or how many less it were."""


def upload(
    gateway: Gateway, collection: str, file: Path, said: Mapping[str, Any], tell: Tell
) -> dict[str, Any]:
    """Upload a file, over as many connections as it takes.

    Args:
        gateway: Where it goes.
        collection: Where it belongs.
        file: The file.
        said: The options of an upload.
        tell: Told of the bytes.

    Returns:
        What became of it, in the gateway's words.

    Raises:
        ConfigurationError: The address is none, or the request was not understood.
        TransientError: The gateway does not answer, or not any more.
    """
    path, size = f"/api/collections/{quote(collection, safe='')}/uploads", file.stat().st_size
    said_of_it = {"upload-length": str(size), "upload-metadata": _metadata(file.name, said)}
    begun = _ask(gateway, "POST", path, TUS | said_of_it)
    if begun.status in REFUSED:
        return {"given_name": file.name, "state": "refused", "reason": _detail(begun)}
    if begun.status != HTTPStatus.CREATED:
        read_answer(begun.status, begun.body)
    sending = _Sending(gateway, str(begun.headers["location"]), file, size, tell)
    failures = 0
    while failures <= TRIES:
        before = sending.offset
        sending.send()
        if (done := sending.look()) is not None:
            return done
        failures = 0 if sending.offset > before else failures + 1
        time.sleep(min(FIRST_PAUSE_S * 2.0**failures, LONGEST_PAUSE_S))
    raise TransientError(f"{gateway.url} does not answer any more; {file} is not there as a whole")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Message
    body: bytes


class _Sending:
    """An upload that is under way."""

    def __init__(self, gateway: Gateway, place: str, file: Path, size: int, tell: Tell) -> None:
        self._gateway = gateway
        self._place = place
        self._file = file
        self._size = size
        self._tell = tell
        self._told = 0
        self.offset = 0
        """Bytes that the gateway has."""

    def send(self) -> None:
        """Send what it has not; it says itself how much of it came."""
        left = self._size - self.offset
        more = {"upload-offset": str(self.offset), "content-length": str(left)}
        with suppress(TransientError):
            _ask(self._gateway, "PATCH", self._place, PIECE | more, self._pieces(left))

    def look(self) -> dict[str, Any] | None:
        """Ask how much came; return what became of the file, if it is whole.

        Raises:
            ConfigurationError: The upload is there no more.
        """
        try:
            answer = _ask(self._gateway, "GET", self._place, TUS)
            if answer.status == HTTPStatus.LOCKED:  # by our own connection that broke
                return None
            told = read_answer(
                answer.status, answer.body, lambda told: "offset" in told or "files" in told
            )
        except TransientError:
            return None
        if "files" in told:
            return dict(told["files"][0])
        self.offset = told["offset"]
        self._show(self.offset)
        return told["file"]

    def _pieces(self, left: int) -> Iterator[bytes]:
        self._show(self.offset)
        with self._file.open("rb") as opened:
            opened.seek(self.offset)
            while left:
                piece = opened.read(min(PIECE_BYTES, left))
                if not piece:
                    raise ConfigurationError(f"{self._file} became shorter while it was sent")
                left -= len(piece)
                yield piece
                self._show(self._told + len(piece))

    def _show(self, sent: int) -> None:
        self._tell(sent - self._told)
        self._told = sent


def _ask(
    gateway: Gateway,
    method: str,
    path: str,
    headers: Mapping[str, str],
    pieces: Iterable[bytes] = (),
) -> _Answer:
    """Send a request and return its answer.

    Raises:
        ConfigurationError: The address is none.
        TransientError: There is no answer.
    """
    connection = gateway.connect()
    try:
        connection.putrequest(method, path)
        for name, value in (gateway.headers | dict(headers)).items():
            connection.putheader(name, value)
        connection.endheaders()
        with suppress(BrokenPipeError, ConnectionResetError):  # it has answered already
            for piece in pieces:
                connection.send(piece)
        answer = connection.getresponse()
        return _Answer(answer.status, answer.headers, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(f"{gateway.url} does not answer: {error}") from error
    finally:
        connection.close()


def _metadata(name: str, said: Mapping[str, Any]) -> str:
    """Write the name of a file, and what is said of it, as tus has it."""
    values = {"filename": name} | {key: json.dumps(value) for key, value in said.items()}
    return ",".join(
        f"{key} {b64encode(value.encode('utf-8', 'replace')).decode()}"
        for key, value in values.items()
    )


def _detail(answer: _Answer) -> str:
    return str(read_answer(answer.status, answer.body, lambda told: "detail" in told)["detail"])


def _is_about_it(told: dict[str, Any]) -> bool:
    """Tell whether an answer is about an upload, whatever its status is."""
    return "offset" in told or "files" in told
