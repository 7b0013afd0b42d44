"""What every request passes: which host it means, where it comes from, who sent it, how large."""

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.access import CALLER, CHALLENGE, CLIENT, SECTION
from shared.http.keyring import ANYBODY, Caller, Keyring, bearer_token
from shared.http.marks import STREAMED
from shared.http.networks import network_of
from shared.http.problems import ProblemError, problem_response
from shared.http.rates import Rates
from shared.http.sessions import cookie_token, is_of_own_page
from shared.http.streamed import Streams, impatient, is_for_streams, stream_of

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
ELSEWHERE = frozenset({"cross-site", "same-site"})
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
"""Set where the answer does not say otherwise."""
HSTS = "max-age=31536000"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Hosts:
    """Names that requests may call the server by.

    A page whose own name was bent to our address calls us by that name (DNS rebinding), never by
    an address.
    """

    names: frozenset[str]
    is_any_address: bool = False

    def allow(self, name: str | None) -> bool:
        """Tell whether a request to this name is meant for us."""
        return name in self.names or (self.is_any_address and _is_address(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRules:
    """What the guard asks of a request."""

    section: str
    """Of the configuration: refusals name its settings."""
    hosts: Hosts
    keyring: Keyring
    rates: Rates
    max_body_bytes: int
    receive_timeout_s: float
    allowed_origins: frozenset[str] = frozenset()
    larger_bodies: Mapping[str, int] = field(default_factory=dict)
    """Paths with another limit, for those whose token is known."""

    streams: Streams = field(default_factory=dict)
    """Bodies that are taken piece by piece, whatever their length."""

    def most_bytes(self, path: str, *, is_known: bool) -> int:
        """Return how large a body may be."""
        larger = self.larger_bodies.get(path, 0) if is_known else 0
        return max(self.max_body_bytes, larger)


class Guard:
    """An ASGI app around another."""

    def __init__(
        self, app: ASGIApp, rules: GuardRules, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._rules = rules
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or hand it on with its whole body and who sent it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send_guarded = _with_security_headers(scope, send)
        try:
            headers = Headers(scope=scope)
            self._check_place(scope, headers)
            scope[SECTION] = self._rules.section
            scope[CALLER] = self._identify(scope, headers)
            receive = await self._taking(scope, headers, receive)
        except ProblemError as refusal:
            close = {"connection": "close", **(refusal.headers or {})}
            answer = problem_response(scope["path"], refusal.status, refusal.detail, headers=close)
            await answer(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    async def _taking(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """Return what gives the body: all of it, or an upload piece by piece.

        Raises:
            ProblemError: It is none that is taken.
        """
        is_known = scope[CALLER] is not None
        stream = stream_of(self._rules.streams, scope)
        if stream is not None:
            stream.require(headers)
            scope[STREAMED] = is_known
            return impatient(receive, self._rules.receive_timeout_s)
        most = self._rules.most_bytes(scope["path"], is_known=is_known)
        _check_length(headers, most)
        is_for_uploads = is_for_streams(self._rules.streams, scope["path"])
        if scope["method"] in SAFE or is_for_uploads:
            return receive  # they take no other body: the routes say so
        return await self._with_whole_body(headers, receive, most)

    def _check_place(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._rules.hosts.allow(_host_of(f"//{host}")):
            told = f"this server is not '{host:.100}'"
            raise ProblemError(
                421, f"{told}; setting {self._rules.section}.allowed_hosts names others"
            )
        # A page of another site can send requests here, though it reads no answer.
        origin = headers.get("origin")
        is_allowed = origin in self._rules.allowed_origins
        is_safe = scope["method"] in SAFE
        is_link = is_safe and headers.get("sec-fetch-mode") == "navigate"
        is_foreign = headers.get("sec-fetch-site") in ELSEWHERE and not is_link
        if origin is not None and not is_safe:
            is_foreign = _address_of(origin) != host.lower()
        if is_foreign and not is_allowed:
            who = f"'{origin:.100}'" if origin else "another site"
            setting = f"{self._rules.section}.allowed_origins"
            raise ProblemError(
                403, f"a page of {who} may not do this; setting {setting} lists some"
            )

    def _identify(self, scope: Scope, headers: Headers) -> Caller | None:
        """Return who sent the request; nothing if it carries no token, but could.

        Raises:
            ProblemError: The token is not known, or the sender asks too often.
        """
        network = network_of(scope["client"][0]) if scope.get("client") else "unknown"
        keyring = self._rules.keyring
        caller = None
        if keyring.is_open:
            caller = ANYBODY
        elif token := bearer_token(headers.get("authorization", "")):
            caller = keyring.identify(token)
        elif "authorization" not in headers:
            caller = self._by_cookie(scope, headers)
        is_known = caller is not None and caller is not ANYBODY
        scope[CLIENT] = f"token {caller.name}" if caller and is_known else f"address {network}"
        wait_s = self._rules.rates.take(scope[CLIENT], self._clock())
        if wait_s:
            raise ProblemError(
                429,
                f"too many requests; setting {self._rules.section}.requests_per_s has the limit",
                headers={"retry-after": str(math.ceil(wait_s))},
            )
        if caller is None and "authorization" in headers:
            log.warning("token.refused", client=network, path=scope["path"][:200])
            raise ProblemError(401, "this token is not known", headers=_BAD_TOKEN)
        return caller

    def _by_cookie(self, scope: Scope, headers: Headers) -> Caller | None:
        """Return whose cookie it is; one that is not known is as none, so that one can sign in.

        Raises:
            ProblemError: It would change something, and no page of ours asks for that.
        """
        token = cookie_token(headers)
        caller = self._rules.keyring.identify(token) if token else None
        is_listed = headers.get("origin") in self._rules.allowed_origins
        if caller and scope["method"] not in SAFE and not (is_listed or is_of_own_page(headers)):
            raise ProblemError(
                403,
                "a cookie changes something only from a page of this server; "
                "others send their token as Authorization: Bearer TOKEN",
            )
        return caller

    async def _with_whole_body(self, headers: Headers, receive: Receive, most: int) -> Receive:
        try:
            async with asyncio.timeout(self._rules.receive_timeout_s):
                body = await _read(receive, most)
        except TimeoutError as error:
            raise ProblemError(408, "the body took too long to come") from error
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and kind != "application/json":
            # Others can be sent by the forms of any page.
            raise ProblemError(415, "the body must be application/json")
        return _replaying(body, receive)


_BAD_TOKEN = {"www-authenticate": f'{CHALLENGE["www-authenticate"]}, error="invalid_token"'}


def allowed_hosts(host: str, more: Collection[str], *, is_reachable: bool) -> Hosts:
    """Return the names that requests may call a server by that listens on an address."""
    own = LOOPBACK | {host.lower()} if is_reachable else LOOPBACK
    return Hosts(own | {one.lower() for one in more}, is_any_address=is_reachable)


def _is_address(name: str | None) -> bool:
    try:
        ip_address(name or "")
    except ValueError:
        return False
    return True


def _address_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _with_security_headers(scope: Scope, send: Send) -> Send:
    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if scope["scheme"] == "https":
                headers["strict-transport-security"] = HSTS
        await send(message)

    return send_guarded


async def _read(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            # What came is perhaps half of a command, or a whole one that means another.
            raise ProblemError(400, "the client left before its body was complete")
        body += message.get("body", b"")
        if len(body) > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return bytes(body)


def _check_length(headers: Headers, most: int) -> None:
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_large(most)


def _too_large(most: int) -> ProblemError:
    return ProblemError(413, f"the body is too large: at most {most} bytes")


def _replaying(body: bytes, receive: Receive) -> Receive:
    messages: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
