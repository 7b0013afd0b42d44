"""One HTTP request to an embedding server: what its failures mean."""

import asyncio
import ssl
import zlib
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson

from services.embedding.domain.remedies import REDIRECTS, redirected, remedy
from services.embedding.domain.words import Said, error_in, is_page, words_in, words_of_text
from services.embedding.ports import EmbedderUnavailableError, TextsRejectedError
from shared.observability import tracing
from shared.redaction import redact
from shared.terminal_safe import terminal_safe
from shared.waits import elsewhere

GOOD = frozenset({200, 201})
"""Some frameworks answer every POST with 201."""
REFUSES_THE_TEXTS = frozenset({400, 413, 422})
AMBIGUOUS = GOOD | {424, 500}
REFUSES_EVERYBODY = frozenset({401, 402, 403, 404, 405, 410, 501})
EXCERPT = 300
"""Characters of a server's words that are told."""
FAILURE_BYTES = 65_536
"""So much of a failure is read, that no secret is cut in two before it is looked for."""
UNPACKED = frozenset({"", "identity"})
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
STEP = 1 << 20
"""So much at most is unpacked at once."""


def build_client(
    url: str,
    *,
    api_key: str | None,
    timeout_s: float,
    proxy: str | None = None,
    authorities: ssl.SSLContext | None = None,
) -> httpx.AsyncClient:
    """Build the one client of the process; nothing connects yet.

    Args:
        url: Root of the server; parameters in it go with every request.
        api_key: Sent as a bearer token.
        timeout_s: For a request.
        proxy: URL of the proxy to go through; the environment is not looked at.
        authorities: What certificates are checked by; None: as Python comes.
    """
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    root = httpx.URL(url)
    if authorities is None and root.scheme != "https":  # none are needed, and none are looked for
        authorities = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(
        base_url=root.copy_with(query=None, fragment=None),
        params=root.params,
        headers=headers | {"accept": "application/json", "accept-encoding": "gzip"},
        timeout=httpx.Timeout(timeout_s, connect=min(5.0, timeout_s)),
        proxy=proxy,
        verify=authorities or True,
        trust_env=False,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, and what to say when it is none after all."""

    content: bytes | bytearray
    response: httpx.Response
    path: str

    @property
    def url(self) -> str:
        """What was asked, without secrets."""
        return shown(self.response.request.url)

    def wrong(self, reason: str) -> TextsRejectedError:
        """Say what is wrong with the vectors in it."""
        return TextsRejectedError(f"{self.url}: {excerpt(reason)}", ambiguous=True)

    def foreign(
        self, reason: str, value: Any = None
    ) -> EmbedderUnavailableError | TextsRejectedError:
        """Say that no vectors are in it: in the server's own words if it has any.

        Args:
            reason: What is said otherwise.
            value: What it holds, if it could be read.
        """
        text = bytes(self.content[:FAILURE_BYTES]).decode("utf-8", "replace")
        said = Said(words_of_text(text)) if is_page(text) else error_in(value)
        if said is not None:
            return failure(self.response, self.path, said)
        likely = remedy(self.url, self.path, httpx.codes.OK)
        says = f"; it says: {excerpt(text)}" if text.strip() else ""
        return TextsRejectedError(
            f"{self.url}: {excerpt(reason)}{says} ({likely})", ambiguous=True
        )


class AnswerTooLongError(EmbedderUnavailableError):
    """There is more of it than there may be."""


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any], limit: int) -> Answer:
    """Send a JSON body and return the answer.

    Args:
        client: What ``build_client`` built.
        path: What the protocol adds to the root.
        body: What is asked.
        limit: The most bytes that the answer may have, unpacked.

    Raises:
        AnswerTooLongError: It has more.
        EmbedderUnavailableError: No answer, one without end, or one that says nothing about the
            texts.
        TextsRejectedError: The server refuses these texts, or fails on them.
    """
    headers = {"content-type": "application/json"}
    with tracing.span(f"POST {path}", "client"):
        tracing.inject(headers)
        content = orjson.dumps(body)
        request = client.build_request("POST", path, content=content, headers=headers)
        return await _send(client, request, path, limit)


async def _send(
    client: httpx.AsyncClient, request: httpx.Request, path: str, limit: int
) -> Answer:
    where = shown(request.url)
    if client.is_closed:  # the service stops; what is in hand comes again elsewhere
        raise EmbedderUnavailableError(f"{where}: the service is stopping")
    pause_s = client.timeout.read
    content = bytearray()
    try:
        # httpx bounds the pauses of an answer, not its length: one byte now and then is for ever.
        async with asyncio.timeout(pause_s and 2 * pause_s):
            with elsewhere():
                response = await client.send(request, stream=True)
            try:
                is_good = response.status_code in GOOD
                with nullcontext() if is_good else suppress(zlib.error):  # its status counts
                    content = await _read(response, limit if is_good else FAILURE_BYTES)
            finally:
                await response.aclose()
    except (httpx.TransportError, zlib.error, TimeoutError) as error:
        reason = f"{where}: {type(error).__name__} {excerpt(str(error))}".strip()
        is_slow = isinstance(error, httpx.ReadTimeout | TimeoutError)
        raise EmbedderUnavailableError(reason, is_slow=is_slow) from error
    if not is_good:
        raise failure(response, path, said_in(bytes(content[:FAILURE_BYTES])))
    if len(content) > limit:
        raise AnswerTooLongError(f"{where}: an answer of more than {limit:,} bytes")
    return Answer(content, response, path)


async def _read(response: httpx.Response, limit: int) -> bytearray:
    """Read until there are more bytes than the limit, however well they were compressed.

    Raises:
        EmbedderUnavailableError: It is packed in a way that was not asked for.
        zlib.error: It cannot be unpacked.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in UNPACKED | PACKED:
        where = shown(response.request.url)
        raise EmbedderUnavailableError(
            f"{where}: the answer is packed as {excerpt(encoding)!r}, which was not asked for"
        )
    if encoding in PACKED:
        return await _unpack(response, limit)
    answer = bytearray()
    async for piece in response.aiter_raw():
        answer += piece
        if len(answer) > limit:
            break
    return answer


async def _unpack(response: httpx.Response, limit: int) -> bytearray:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip and zlib, whichever it is
    answer = bytearray()
    async for piece in response.aiter_raw():
        rest = piece
        while rest and len(answer) <= limit and not unpacker.eof:
            answer += unpacker.decompress(rest, STEP)
            rest = unpacker.unconsumed_tail
        if len(answer) > limit:
            return answer
    if not unpacker.eof:
        raise zlib.error("the packed answer ends too early")
    return answer


def shown(url: httpx.URL) -> str:
    """Return an address as it may be told: without login and parameters."""
    return redact(str(url.copy_with(userinfo=b"", query=None, fragment=None)))


def excerpt(text: str) -> str:
    """Return the beginning of words from outside, in one line, without secrets."""
    plain = terminal_safe(redact(" ".join(text.split())))
    return plain if len(plain) <= EXCERPT else f"{plain[: EXCERPT - 3]}..."


def said_in(content: bytes) -> Said:
    """Return what the body of a failure says."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return Said(words_of_text(content.decode("utf-8", "replace")))
    words = words_in(value)
    return Said(words or content.decode("utf-8", "replace"))


def failure(
    response: httpx.Response, path: str, said: Said
) -> EmbedderUnavailableError | TextsRejectedError:
    """Classify an answer that is no vectors, by its status or what its body says that is."""
    told = response.status_code
    url = shown(response.request.url)
    status = said.status if told in GOOD and said.status else told
    though_good = " with an error" if told in GOOD else ""
    reason = f"{url} answered {told}{though_good}: {excerpt(said.words)}".rstrip(": ")
    if status in REDIRECTS:
        reason += f" ({redirected(url, path, excerpt(response.headers.get('location', '')))})"
    elif status in REFUSES_EVERYBODY or told in GOOD:
        reason += f" ({remedy(url, path, status)})"
    if status in REFUSES_THE_TEXTS:
        return TextsRejectedError(reason)
    if status in AMBIGUOUS:
        return TextsRejectedError(reason, ambiguous=True)
    return EmbedderUnavailableError(reason, retry_after_s=retry_after(response.headers))


def retry_after(headers: httpx.Headers) -> float | None:
    """Read how long the server asks to wait, in seconds, from ``Retry-After`` or its kin."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except KeyError:
            continue
        except ValueError:
            seconds = _until(headers[name], headers.get("date", ""))
        if 0 <= seconds < float("inf"):
            return seconds
    return None


def _until(date: str, now: str) -> float:
    """Return the seconds until a date by the server's own clock; -1 if that cannot be told."""
    try:
        return (parsedate_to_datetime(date) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError):  # no dates, or one of them without a zone
        return -1.0
