"""Asks servers outside over HTTP: to the address that was looked at, and to no other."""

import ssl
import zlib
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address

import httpx

from services.courier.domain.addresses import Network, first_not_public
from services.courier.domain.limits import too_large
from services.courier.domain.targets import Target, TargetError, follow
from services.courier.ports import Answer, BrokenError, RefusedError, Resolver
from shared.redaction import redact
from shared.terminal_safe import terminal_safe

MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
STEP = 1 << 18
"""So much at most is unpacked at once."""
MOST_ADDRESSES = 4
"""Of a host, so many are tried."""
UNPACKED, PACKED = frozenset({"", "identity"}), frozenset({"gzip", "x-gzip", "deflate"})
AGENT = "mapstream-courier"
EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a courier waits, seconds."""

    connect_s: float = 10.0
    between_bytes_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Login:
    """What a host is to be sent, by whoever runs this."""

    header: str
    value: str


class HttpxWeb:
    """The web, as far as it is public or permitted.

    Each hop has a client of its own, without the proxies of the environment: a connection that is
    kept would be to an address, and say nothing of the host that was asked for.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        allowed: Collection[Network] = (),
        patience: Patience | None = None,
        authorities: ssl.SSLContext | None = None,
        logins: Mapping[str, Login] | None = None,
    ) -> None:
        """Take what it needs.

        Args:
            resolver: Knows the addresses of hosts.
            allowed: Networks that are permitted though they are not public.
            patience: How long is waited.
            authorities: What certificates are checked by; None: as Python comes.
            logins: By host and port (``example.com:443``), sent to it alone, over https alone
                unless its address is one of those permitted.
        """
        self._resolver = resolver
        self._allowed = tuple(allowed)
        self._patience = patience or Patience()
        self._verify = authorities or ssl.create_default_context()
        self._logins = logins or {}

    @asynccontextmanager
    async def get(
        self, target: Target, headers: Mapping[str, str], most_bytes: int
    ) -> AsyncIterator[Answer]:
        """See Web."""
        for _ in range(MOST_REDIRECTS + 1):
            addresses = await self._public(target)
            async with self._client() as client:
                response = await self._send(client, target, addresses, headers)
                try:
                    location = response.headers.get("location")
                    if response.status_code not in REDIRECTS or location is None:
                        pieces = _pieces(response, target, most_bytes)
                        told = {name.lower(): one for name, one in response.headers.items()}
                        yield Answer(response.status_code, told, target, pieces)
                        return
                finally:
                    await response.aclose()
            try:
                target = follow(target, location)
            except TargetError as error:
                raise RefusedError(
                    f"{target.shown} redirects to what is no URL: {error}"
                ) from None
        raise RefusedError(
            f"it redirects more than {MOST_REDIRECTS} times, at last to {target.shown}: give the "
            "URL that it ends at"
        )

    def _client(self) -> httpx.AsyncClient:
        patience = self._patience
        return httpx.AsyncClient(
            verify=self._verify,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(patience.between_bytes_s, connect=patience.connect_s),
        )

    async def _public(self, target: Target) -> list[str]:
        """Resolve a host, once; what is connected to is what was looked at.

        Raises:
            RefusedError: One of its addresses is not public.
            BrokenError: It is not known.
        """
        addresses = await self._resolver.resolve(target.host, target.port)
        if (found := first_not_public(addresses, self._allowed)) is not None:
            address, what = found
            where = target.host if target.host == address else f"{target.host} ({address})"
            raise RefusedError(
                f"{where} is no public address: {what}; whoever runs this may permit it by "
                "courier.allowed_networks"
            )
        return list(dict.fromkeys(addresses))[:MOST_ADDRESSES]

    async def _send(
        self,
        client: httpx.AsyncClient,
        target: Target,
        addresses: list[str],
        headers: Mapping[str, str],
    ) -> httpx.Response:
        """Ask at one address after the other, until one can be connected to.

        Raises:
            BrokenError: None can, or what comes is no HTTP.
        """
        for address in addresses:
            request = self._request(client, target, address, headers)
            try:
                return await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if address == addresses[-1]:
                    raise BrokenError(_told(target, error)) from error
            except httpx.HTTPError as error:
                raise BrokenError(_told(target, error)) from error
        raise BrokenError(f"{target.host} has no address")

    def _request(
        self,
        client: httpx.AsyncClient,
        target: Target,
        address: str,
        headers: Mapping[str, str],
    ) -> httpx.Request:
        """Write a request to an address, in the name of the host.

        Certificates are checked by the host's name: it stands in ``sni_hostname``.

        Raises:
            RefusedError: The URL is none to httpx, which knows more of them.
        """
        try:
            url = httpx.URL(target.url)
            asked = url.copy_with(host=address)
        except (httpx.InvalidURL, ValueError) as error:
            raise RefusedError(f"{target.shown} is no URL: {excerpt(str(error))}") from error
        sent = {
            "host": url.netloc.decode(),
            "user-agent": AGENT,
            "accept": "*/*",
            "accept-encoding": "identity",
            "connection": "close",
            **headers,
        }
        login = self._logins.get(f"{target.host}:{target.port}")
        if login is not None and (target.scheme == "https" or self._is_permitted(address)):
            sent[login.header] = login.value
        # A scope is no part of a URL; addresses that have one are not public.
        extensions = {} if _is_address(target.host) else {"sni_hostname": target.host}
        return client.build_request("GET", asked, headers=sent, extensions=extensions)

    def _is_permitted(self, address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed in one for one in self._allowed if one.version == parsed.version)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _pieces(
    response: httpx.Response, target: Target, most_bytes: int
) -> AsyncIterator[bytes]:
    """Give the body piece by piece, unpacked in steps: a small answer may unpack to anything.

    Raises:
        RefusedError: It is longer as it comes than it may be, or packed as nobody asked.
        BrokenError: It breaks off.
    """
    packing = response.headers.get("content-encoding", "").strip().lower()
    if packing not in UNPACKED | PACKED:
        raise RefusedError(
            f"{target.shown} sends it packed as {excerpt(packing)!r}, which was not asked for"
        )
    unpacker = _Unpacker() if packing in PACKED else None
    size = 0
    try:
        async for raw in response.aiter_raw():  # as it comes: of what breaks off nothing is lost
            size += len(raw)
            if size > most_bytes:
                raise RefusedError(too_large(most_bytes))
            for piece in (raw,) if unpacker is None else unpacker.unpack(raw):
                yield piece
    except httpx.HTTPError as error:
        raise BrokenError(_told(target, error)) from error
    except zlib.error as error:
        raise BrokenError(f"{target.shown}: what it sends cannot be unpacked: {error}") from error
    if unpacker is not None and not unpacker.is_whole:
        raise BrokenError(f"{target.shown}: what it sends packed breaks off")


class _Unpacker:
    """Unpacks what comes, of which gzip may have several members one behind the other."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 32)

    @property
    def is_whole(self) -> bool:
        """Whether the last member has come to its end."""
        return self._member.eof

    def unpack(self, raw: bytes) -> Iterator[bytes]:
        """Unpack the next bytes, in steps.

        Raises:
            zlib.error: They are not packed so.
        """
        rest = raw
        while rest:
            if self._member.eof:
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 32)
            yield self._member.decompress(rest, STEP)
            rest = self._member.unused_data or self._member.unconsumed_tail


def excerpt(text: str) -> str:
    """Return the beginning of words from outside, in one line, without secrets."""
    plain = terminal_safe(redact(" ".join(text.split())))
    return plain if len(plain) <= EXCERPT else f"{plain[: EXCERPT - 3]}..."


def _told(target: Target, error: httpx.HTTPError) -> str:
    """Say what went wrong, in words for people."""
    match error:
        case httpx.ConnectTimeout():
            why = "nobody answers there in time"
        case httpx.ReadTimeout():
            why = "nothing came of it for too long"
        case httpx.ConnectError():
            why = f"it cannot be connected to: {excerpt(str(error)) or 'no reason was given'}"
        case httpx.RemoteProtocolError():
            why = f"it breaks off, or is no HTTP: {excerpt(str(error))}"
        case _:
            why = f"{type(error).__name__} {excerpt(str(error))}".strip()
    return f"{target.shown}: {why}"
