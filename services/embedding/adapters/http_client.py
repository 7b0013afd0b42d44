"""One HTTP request to an embedding server: what its failures mean."""

from typing import Any

import httpx
import orjson

from services.embedding.ports import EmbedderUnavailable, TextsRejected

REFUSES_THE_TEXTS = frozenset({400, 413, 422})
AMBIGUOUS = frozenset({424, 500})
REFUSES_EVERYBODY = frozenset({401, 402, 403, 404, 405, 501})
EXCERPT = 300


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
        EmbedderUnavailable: No answer, or one that says nothing about the texts.
        TextsRejected: The server refuses these texts, or fails on them.
    """
    content = orjson.dumps(body)
    try:
        response = await client.post(
            path, content=content, headers={"content-type": "application/json"}
        )
    except (httpx.TransportError, httpx.DecodingError) as error:
        reason = f"{client.base_url}{path.lstrip('/')}: {type(error).__name__} {error}".strip()
        is_slow = isinstance(error, httpx.ReadTimeout)
        raise EmbedderUnavailable(reason, is_slow=is_slow) from error
    if response.status_code != httpx.codes.OK:
        raise failure(response)
    return response.content


def failure(response: httpx.Response) -> EmbedderUnavailable | TextsRejected:
    """Classify an answer that is not 200."""
    status = response.status_code
    text = response.text[:EXCERPT].replace("\n", " ")
    reason = f"{response.request.url} answered {status}: {text}"
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
