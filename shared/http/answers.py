"""What the door itself answers: a problem (RFC 9457), after which the connection ends."""

import json
from http import HTTPStatus

from shared.http.heads import RefusedRequestError

RETRY = {429, 503}


def answer_to(refusal: RefusedRequestError) -> bytes:
    """Write a whole answer."""
    phrase = HTTPStatus(refusal.status).phrase
    problem = {
        "type": "about:blank",
        "title": phrase,
        "status": refusal.status,
        "detail": refusal.reason,
        "instance": "",
    }
    body = json.dumps(problem).encode()
    lines = [
        f"HTTP/1.1 {refusal.status} {phrase}",
        "content-type: application/problem+json",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "connection: close",
        *(["retry-after: 1"] if refusal.status in RETRY else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
