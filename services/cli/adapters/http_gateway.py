"""Asks the gateway over HTTP: plain, blocking code that a thread runs."""

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shared.errors import ConfigurationError, TransientError

PIECE_BYTES = 1 << 18
TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where it is, and the token that it asks for, if it does."""

    url: str
    token: str | None = None

    def connect(self, timeout_s: float = TIMEOUT_S) -> http.client.HTTPConnection:
        """Give a connection that is not open yet.

        Raises:
            ConfigurationError: The address is none.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"{self.url}: is no address of a gateway")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        return kind(parts.hostname, parts.port, timeout=timeout_s)

    @property
    def headers(self) -> dict[str, str]:
        """What every request says."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


def ask_gateway(
    gateway: Gateway, path: str, body: dict[str, Any] | None = None, *, timeout_s: float
) -> dict[str, Any]:
    """Ask for something, or with a body have it done, and return the answer.

    Raises:
        ConfigurationError: The address is none, or the request was refused.
        TransientError: The gateway does not answer, or cannot now.
    """
    pieces: list[bytes] = []
    status = _pieces(gateway, path, body, lambda piece, _: pieces.append(piece), timeout_s)
    return read_answer(status, b"".join(pieces))


def download(
    gateway: Gateway, path: str, write: Callable[[bytes], object], *, timeout_s: float
) -> None:
    """Write an answer piece by piece; raises as ``ask_gateway``."""
    problem: list[bytes] = []

    def keep(piece: bytes, status: int) -> None:
        if status == http.client.OK:
            write(piece)
        else:
            problem.append(piece)

    status = _pieces(gateway, path, None, keep, timeout_s)
    if status != http.client.OK:
        read_answer(status, b"".join(problem))


def read_answer(
    status: int, body: bytes, is_told: Callable[[dict[str, Any]], bool] | None = None
) -> dict[str, Any]:
    """Read an answer in JSON.

    Args:
        status: The HTTP status.
        body: The body.
        is_told: Tells whether it is one, if the status does not.

    Raises:
        ConfigurationError: The request was refused.
        TransientError: It cannot be answered now.
    """
    try:
        answer: dict[str, Any] = json.loads(body)
        is_good = http.client.OK <= status < http.client.MULTIPLE_CHOICES
        is_one = is_good if is_told is None else is_told(answer)
        detail = answer.get("detail", f"the gateway answers {status}")
    except (ValueError, AttributeError) as error:
        raise TransientError(f"the gateway answers {status}, and no JSON") from error
    if is_one:
        return answer
    raise (TransientError if status >= http.client.INTERNAL_SERVER_ERROR else ConfigurationError)(
        str(detail)
    )


def _pieces(
    gateway: Gateway,
    path: str,
    body: dict[str, Any] | None,
    take: Callable[[bytes, int], object],
    timeout_s: float,
) -> int:
    connection = gateway.connect(timeout_s)
    said = None if body is None else json.dumps(body).encode()
    kind = {} if said is None else {"content-type": "application/json"}
    try:
        connection.request("GET" if said is None else "POST", path, said, gateway.headers | kind)
        answer = connection.getresponse()
        while piece := answer.read(PIECE_BYTES):
            take(piece, answer.status)
        if answer.length:  # it is not told of what is missing
            raise TransientError(f"{gateway.url} broke off: {answer.length} bytes are missing")
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(f"{gateway.url} does not answer: {error}") from error
    finally:
        connection.close()
    return answer.status
