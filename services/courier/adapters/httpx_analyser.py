"""Asks an analysis service over HTTP; whatever it answers is a reason, or what is asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Any

import httpx

from services.courier.adapters.httpx_web import AGENT, excerpt
from services.courier.domain.analysis import (
    AnswerError,
    Standing,
    parse_health,
    parse_remote_id,
    parse_standing,
)
from services.courier.domain.limits import too_large
from services.courier.ports import AwayError, BrokenError, HandedOver, RefusedError

MOST_BYTES = 1 << 20
"""Of an answer that is no content."""
LATER = frozenset({500, 502, 503, 504})
OK, ACCEPTED = 200, 202
TYPES = {".xlsx": "excel", ".xlsm": "excel", ".xls": "excel", ".ods": "excel", ".pdf": "pdf"}


@dataclass(frozen=True, slots=True)
class HttpxAnalyser:
    """An analysis service at an address of the configuration: no other one is asked.

    Proxies of the environment are not used, and redirects are not followed.
    """

    base: str
    blobs_there: PurePosixPath
    """Where the service sees the folder of files."""
    timeout_s: float = 30.0

    async def check(self) -> None:
        """See Analyser."""
        body = await self._ask("GET", "/health")
        try:
            why = parse_health(body)
        except AnswerError as error:
            raise self._no_answer("/health", error) from error
        if why is not None:
            raise BrokenError(f"{self.base}: {why}")

    async def begin(self, file: HandedOver) -> str:
        """See Analyser."""
        suffix = PurePath(file.filename).suffix.lower()
        wish = {
            "file_url": file.url or str(self.blobs_there / file.blob[:2] / file.blob),
            "file_type": TYPES.get(suffix, "csv"),
            "file_name": file.filename,
            "supplier_id": file.collection,
        }
        body = await self._ask("POST", "/analyze/file", wish, {"idempotency-key": file.key})
        try:
            return parse_remote_id(body)
        except AnswerError as error:
            raise self._no_answer("/analyze/file", error) from error

    async def look(self, remote_id: str) -> Standing:
        """See Analyser."""
        path = f"/analyze/status/{remote_id}"
        try:
            found = parse_standing(await self._ask("GET", path), self.base)
        except AnswerError as error:
            raise self._no_answer("/analyze/status", error) from error
        return found

    @asynccontextmanager
    async def records(self, url: str, most_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """See Analyser."""
        async with self._client() as client:
            response = await self._send(client, client.build_request("GET", url))
            try:
                self._check(response)
                yield self._pieces(response, most_bytes)
            finally:
                await response.aclose()

    async def _ask(
        self, method: str, path: str, wish: Any = None, headers: dict[str, str] | None = None
    ) -> bytes:
        """Ask, and return the answer as a whole, which is small and comes in time.

        Raises:
            RefusedError: By its status, or its size.
            BrokenError: It may be another one later.
        """
        try:
            async with asyncio.timeout(self.timeout_s), self._client() as client:
                request = client.build_request(
                    method, f"{self.base}{path}", json=wish, headers=headers
                )
                response = await self._send(client, request)
                try:
                    self._check(response)
                    pieces = self._pieces(response, MOST_BYTES)
                    return b"".join([one async for one in pieces])
                finally:
                    await response.aclose()
        except TimeoutError as error:
            why = f"{self.base}{path}: no answer within {self.timeout_s:g} s"
            raise BrokenError(why) from error

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=self.timeout_s,
            headers={"user-agent": AGENT, "accept-encoding": "identity", "connection": "close"},
        )

    async def _send(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        """Send a request; the body of what comes is not read yet.

        Raises:
            AwayError: Nobody is there.
            BrokenError: What comes is no HTTP, or comes too late.
        """
        try:
            return await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise AwayError(
                f"the analysis service at {self.base} does not let itself be connected to"
            ) from error
        except httpx.HTTPError as error:
            raise self._broken(error) from error

    def _check(self, response: httpx.Response) -> None:
        """Refuse what is no answer, by its status.

        Raises:
            RefusedError: Asked again, it would be the same.
            BrokenError: It may be another one later.
        """
        status, path = response.status_code, response.url.path
        if status in LATER:
            raise BrokenError(f"{self.base}{path} answered {status}")
        if status == 404 and "/analyze/" in path:  # noqa: PLR2004  not found
            raise RefusedError(
                f"{self.base} does not know this file any more (404): retry the job, which hands "
                "it over again"
            )
        if status not in (OK, ACCEPTED):
            raise RefusedError(f"{self.base}{path} answered {status}; see what its log says")
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise RefusedError(f"{self.base}{path} sends it packed, which was not asked for")

    async def _pieces(self, response: httpx.Response, most_bytes: int) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for piece in response.aiter_raw():
                size += len(piece)
                if size > most_bytes:
                    what = f"what {self.base} answers: "
                    raise RefusedError(what + too_large(most_bytes))
                yield piece
        except httpx.HTTPError as error:
            raise self._broken(error) from error

    def _broken(self, error: httpx.HTTPError) -> BrokenError:
        why = excerpt(str(error)) or type(error).__name__
        return BrokenError(f"the analysis service at {self.base}: {why}")

    def _no_answer(self, path: str, error: AnswerError) -> RefusedError:
        return RefusedError(f"{self.base}{path} gives no answer that can be used: {error}")
