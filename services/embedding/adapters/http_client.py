"""One HTTP request to an embedding server: what its failures mean."""

import asyncio
from typing import Any

import httpx
import orjson

from services.embedding.ports import EmbedderUnavailable, TextsRejected
from shared.observability import tracing

REFUSES_THE_TEXTS = frozenset({400, 413, 422})
AMBIGUOUS = frozenset({424, 500})
REFUSES_EVERYBODY = frozenset({401, 402, 403, 404, 405, 501})
EXCERPT = 300
MAX_ANSWER_BYTES = 256 << 20
"""2,048 vectors of 4,096 numbers are half of it as JSON."""


def build_client(url: str, *, api_key: str | None, timeout_s: float) -> httpx.AsyncClient:
    """Build the one client of the process; nothing connects yet."""
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    return httpx.AsyncClient(
        base_url=url,
        headers=headers,
        timeout=httpx.Timeout(timeout_s, connect=min(5.0, timeout_s)),
        trust_env=url.startswith("https"),
    )


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> bytes:
    """Send a JSON body and return the answer's bytes.

    Raises:
        EmbedderUnavailable: No answer, one without end, or one that says nothing about the texts.
        TextsRejected: The server refuses these texts, or fails on them.
    """
    headers = {"content-type": "application/json"}
    with tracing.span(f"POST {path}", "client"):
        tracing.inject(headers)
        content = orjson.dumps(body)
        return await _send(
            client, client.build_request("POST", path, content=content, headers=headers)
        )


async def _send(client: httpx.AsyncClient, request: httpx.Request) -> bytes:
    where = request.url.copy_with(userinfo=b"")
    if client.is_closed:  # the service stops; what is in hand comes again elsewhere
        raise EmbedderUnavailable(f"{where}: the service is stopping")
    pause_s = client.timeout.read
    try:
        # httpx bounds the pauses of an answer, not its length: one byte now and then is for ever.
        async with asyncio.timeout(pause_s and 2 * pause_s):
            response = await client.send(request, stream=True)
            try:
                is_good = response.status_code == httpx.codes.OK
                answer = await _read(response, MAX_ANSWER_BYTES if is_good else EXCERPT)
            finally:
                await response.aclose()
    except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
        reason = f"{where}: {type(error).__name__} {error}".strip()
        is_slow = isinstance(error, httpx.ReadTimeout | TimeoutError)
        raise EmbedderUnavailable(reason, is_slow=is_slow) from error
    if not is_good:
        raise failure(response, where, answer)
    if len(answer) > MAX_ANSWER_BYTES:
        raise EmbedderUnavailable(f"{where}: an answer of more than {MAX_ANSWER_BYTES} bytes")
    return answer


async def _read(response: httpx.Response, limit: int) -> bytes:
    """Read until there are more bytes than the limit, however well they were compressed."""
    answer = bytearray()
    async for piece in response.aiter_bytes():
        answer += piece
        if len(answer) > limit:
            break
    return bytes(answer)


def failure(
    response: httpx.Response, where: httpx.URL, answer: bytes
) -> EmbedderUnavailable | TextsRejected:
    """Classify an answer that is not 200."""
    status = response.status_code
    text = answer.decode("utf-8", "replace")[:EXCERPT].replace("\n", " ")
    reason = f"{where} answered {status}: {text}"
    if status in REFUSES_THE_TEXTS:
        return TextsRejected(reason)
    if status in AMBIGUOUS:
        return TextsRejected(reason, ambiguous=True)
    if status in REFUSES_EVERYBODY:
        reason += " (check embedding.url, embedding.protocol, embedding.model and the API key)"
    return EmbedderUnavailable(reason, retry_after_s=retry_after(response.headers))


def retry_after(headers: httpx.Headers) -> float | None:
    """Read how long the server asks to wait, in seconds, from ``Retry-After`` or its kin."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return None
