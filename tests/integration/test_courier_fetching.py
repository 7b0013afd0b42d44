"""What the courier makes of servers that misbehave, over real sockets of loopback."""

import asyncio
import base64
import gzip
import hashlib
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from services.courier.adapters.blob_file_store import BlobFileStore
from services.courier.adapters.httpx_web import STEP, HttpxWeb, Login, Patience
from services.courier.adapters.system_resolver import SystemResolver
from services.courier.domain.addresses import parse_networks
from services.courier.domain.headers import Validators
from services.courier.domain.targets import parse_target
from services.courier.handlers.coming import Fetched, Received
from services.courier.handlers.fetch import Fetcher, Rules, Unchanged
from services.courier.ports import BrokenError, RefusedError
from shared.blobs.folder import FolderBlobs
from shared.clock import SystemClock
from shared.contracts.fetching import FetchWork
from tests.hostile_http import HostileServer, Reply, Request, answer, head, hostile

pytestmark = pytest.mark.integration
MOST = 1 << 20
PIECE = 1 << 20
"""What is held in memory before it is written."""
BODY = b"name,note\n" + b"".join(b"Ada %05d,a note\n" % one for one in range(8000))
TAG = {"ETag": '"one"', "Accept_Ranges": "bytes"}
JOB = "0123456789abcdef0123"
LOGIN = "Bearer not-for-others"


class FixedResolver:
    """Knows what it is told, one answer after the other; the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = [list(one) for one in answers] or [["127.0.0.1"]]
        self.asked = list[str]()

    async def resolve(self, host: str, port: int) -> list[str]:
        del port
        self.asked.append(host)
        if host.replace(".", "").isdigit() or ":" in host:
            return [host]
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class World:
    server: HostileServer
    folder: Path
    resolver: FixedResolver
    allowed: Sequence[str] = ("127.0.0.1",)
    authorities: ssl.SSLContext | None = None
    logins: dict[str, Login] | None = None
    patience: Patience = field(default_factory=lambda: Patience(60, 60))
    whole_s: float = 60
    largest: int = 0
    received: Received = field(default_factory=Received)

    async def fetch(self, url: str | None = None, **fields: object) -> Fetched | Unchanged:
        web = HttpxWeb(
            self.resolver,
            allowed=parse_networks(self.allowed),
            patience=self.patience,
            authorities=self.authorities or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            logins=self.logins,
        )
        store = BlobFileStore(FolderBlobs(self.folder), SystemClock(), MOST)
        fetcher = Fetcher(web, store, Rules(MOST, whole_s=self.whole_s), sleep=self.nap)
        given = {"job": JOB, "attempt": 0, "collection": "default", "filename": None, "by": "me"}
        work = FetchWork.model_validate(given | {"url": url or self.server.url()} | fields)
        self.received = Received()
        return await fetcher.fetch(work, self.received)

    async def nap(self, seconds: float) -> None:
        self.look()
        del seconds

    def look(self) -> int:
        """Bytes on the disk, the largest that were ever seen."""
        files = [one for one in self.folder.rglob("*") if one.is_file()]
        self.largest = max(self.largest, sum(one.stat().st_size for one in files))
        return self.largest

    def content(self, done: object) -> bytes:
        assert isinstance(done, Fetched)
        return FolderBlobs(self.folder).path(done.blob).read_bytes()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with hostile() as server:
        yield World(server, tmp_path / "blobs", FixedResolver())


def cut(send: int, *, told: int | None = None, **headers: object) -> Reply:
    """Send a part of the body, and hang up."""

    async def reply(_: Request, out: asyncio.StreamWriter) -> None:
        out.write(head(200, len(BODY) if told is None else told, **headers) + BODY[:send])

    return reply


def ranged(body: bytes = BODY, tag: str = '"one"', first: int = 70_000) -> Reply:
    """Hang up after some bytes at first; then serve what is asked for, if it is that content."""

    async def reply(asked: Request, out: asyncio.StreamWriter) -> None:
        if asked.number == 1:
            out.write(head(200, len(BODY), **TAG) + BODY[:first])
            return
        at = int(asked.headers.get("range", "bytes=0-")[6:-1])
        if at and asked.headers.get("if-range") == tag:
            told = f"bytes {at}-{len(body) - 1}/{len(body)}"
            out.write(head(206, len(body) - at, Content_Range=told, ETag=tag) + body[at:])
        else:
            out.write(head(200, len(body), ETag=tag) + body)

    return reply


def wrong_range(asked: Request, at: int) -> bytes:
    """A part from elsewhere, as some servers send it."""
    del asked
    told = f"bytes {at - 10}-{len(BODY) - 1}/{len(BODY)}"
    return head(206, len(BODY) - at + 10, Content_Range=told, **TAG) + BODY[at - 10 :]


def elsewhere() -> Reply:
    async def reply(asked: Request, out: asyncio.StreamWriter) -> None:
        if asked.number == 1:
            out.write(head(200, len(BODY), **TAG) + BODY[:70_000])
        elif "range" in asked.headers:
            out.write(wrong_range(asked, 70_000))
        else:
            out.write(head(200, len(BODY), **TAG) + BODY)

    return reply


def raw(content: bytes) -> Reply:
    async def reply(_: Request, out: asyncio.StreamWriter) -> None:
        out.write(content)

    return reply


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> Reply:
    body = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces)
    return raw(head(200, Transfer_Encoding="chunked") + body + end)


def drip(pause_s: float) -> Reply:
    async def reply(_: Request, out: asyncio.StreamWriter) -> None:
        out.write(head(200, len(BODY)))
        for at in range(1000):
            out.write(BODY[at : at + 1])
            await out.drain()
            await asyncio.sleep(pause_s)

    return reply


async def silent(_: Request, out: asyncio.StreamWriter) -> None:
    del out
    await asyncio.sleep(60)


async def endless(_: Request, out: asyncio.StreamWriter) -> None:
    out.write(head(200))
    while True:
        out.write(BODY)
        await out.drain()


def endless_chunks() -> Reply:
    async def reply(_: Request, out: asyncio.StreamWriter) -> None:
        out.write(head(200, Transfer_Encoding="chunked"))
        while True:
            out.write(b"%x\r\n%s\r\n" % (len(BODY), BODY))
            await out.drain()

    return reply


def failing_first(times: int, status: int, **headers: object) -> Reply:
    async def reply(asked: Request, out: asyncio.StreamWriter) -> None:
        good = asked.number > times
        body = BODY if good else b"no"
        out.write(head(200 if good else status, len(body), **({} if good else headers)) + body)

    return reply


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def sha256(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


BOMB = gzip.compress(b"a,b\n" * (4 << 20))
PAGE = b"<!DOCTYPE html><title>Log in</title>" + b"<p>please</p>" * 100
DOES_WELL: dict[str, tuple[Reply, int]] = {
    "plain": (answer(BODY), 1),
    "without a length, to the end of the connection": (raw(head(200) + BODY), 1),
    "chunked": (chunked(BODY[:9], BODY[9:]), 1),
    "packed by gzip though nobody asked": (
        answer(gzip.compress(BODY), Content_Encoding="gzip", **TAG),
        1,
    ),
    "packed by gzip in two members": (
        answer(gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), Content_Encoding="gzip", **TAG),
        1,
    ),
    "fails twice with 503": (failing_first(2, 503), 3),
    "asked too often, once": (failing_first(1, 429, Retry_After="2"), 2),
    "breaks off, and goes on where it was": (ranged(), 2),
    "breaks off, and is another content by then": (ranged(BODY[::-1], '"two"'), 2),
    "breaks off, and sends a part from elsewhere": (elsewhere(), 3),
    "tells the right sums": (answer(BODY, Content_MD5=md5(BODY), Repr_Digest=sha256(BODY)), 1),
    "says that it is HTML, and is none": (answer(BODY, Content_Type="text/html"), 1),
    "has much to say before": (
        raw(b"HTTP/1.1 100 Continue\r\n\r\n" + head(200, len(BODY)) + BODY),
        1,
    ),
    "sends more than it says": (raw(head(200, len(BODY)) + BODY + b"and more"), 1),
}
REFUSED: dict[str, tuple[Reply, str]] = {
    "a login page": (answer(PAGE, Content_Type="text/html"), "page of HTML"),
    "a login page that says it is a table": (answer(PAGE, Content_Type="text/csv"), "page of"),
    "a picture": (answer(b"\x89PNG\r\n\x1a\n" + b"\0" * 99), "PNG picture"),
    "a PDF": (answer(b"%PDF-1.7\n" + b"x" * 99), "PDF is not read"),
    "an archive": (answer(gzip.compress(BODY)), "packed with gzip"),
    "nothing": (answer(b""), "empty"),
    "says that it is too large": (raw(head(200, MOST + 1) + BODY), "larger than"),
    "is too large, and says nothing": (endless, "larger than"),
    "chunks without end": (endless_chunks(), "larger than"),
    "a gzip bomb": (answer(BOMB, Content_Encoding="gzip"), "larger than"),
    "a packing that nobody knows": (answer(BODY, Content_Encoding="br"), "was not asked for"),
    "not there": (answer(b"", 404), "nothing there"),
    "not allowed": (answer(b"", 403), "courier.credentials"),
    "a redirect for ever": (answer(b"", 302, Location="/data.csv"), "more than 5 times"),
    "a redirect to a file": (answer(b"", 302, Location="file:///etc/passwd"), "only http"),
    "a redirect to a login": (answer(b"", 302, Location="http://a:b@x.org/"), "a user or"),
    "a redirect to nonsense": (answer(b"", 302, Location="http://[oops/"), "no URL"),
    "a redirect to a private address": (
        answer(b"", 307, Location="http://10.0.0.1/x"),
        "10.0.0.1 is no public address: private",
    ),
    "a redirect to another loopback": (
        answer(b"", 301, Location="http://127.0.0.2/x"),
        "127.0.0.2 is no public",
    ),
    "a redirect to what clouds tell their machines": (
        answer(b"", 302, Location="http://169.254.169.254/latest/"),
        "link-local",
    ),
    "a redirect to IPv4 in IPv6": (
        answer(b"", 302, Location="http://[::ffff:127.0.0.1]/"),
        "IPv4 address written as IPv6",
    ),
}
BROKEN: dict[str, tuple[Reply, str]] = {
    "hangs up before it is done": (cut(100), "breaks off"),
    "hangs up each time at the same place": (cut(70_000, **TAG), "breaks off"),
    "says more than there is": (cut(len(BODY), told=len(BODY) + 5), "breaks off"),
    "cuts a chunk": (chunked(BODY[:50], end=b"ff\r\nabc"), "breaks off"),
    "a chunk of no size": (chunked(BODY[:50], end=b"zz\r\n"), "breaks off"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "no HTTP"),
    "nothing at all": (raw(b""), "breaks off"),
    "headers without end": (raw(b"HTTP/1.1 200 X\r\n" + b"A: b\r\n" * 50_000), "breaks off"),
    "two lengths": (
        raw(b"HTTP/1.1 200 X\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        "breaks off",
    ),
    "always fails": (answer(b"", 500), "answered 500"),
    "gzip that breaks off": (
        answer(gzip.compress(BODY)[:-20], Content_Encoding="gzip"),
        "breaks off",
    ),
    "gzip with more behind": (
        answer(gzip.compress(BODY) + b"more", Content_Encoding="gzip"),
        "cannot be unpacked",
    ),
    "gzip that is none": (answer(BODY, Content_Encoding="gzip"), "cannot be unpacked"),
    "another content than its sum": (answer(BODY, Content_MD5=md5(b"x")), "not those"),
    "another content than its digest": (answer(BODY, Repr_Digest=sha256(b"x")), "not those"),
    "a part that nobody asked for": (
        answer(BODY[5:], 206, Content_Range=f"bytes 5-{len(BODY) - 1}/{len(BODY)}"),
        "not asked for",
    ),
}


@pytest.mark.parametrize("name", DOES_WELL)
async def test_what_comes_is_kept_byte_by_byte(world: World, name: str) -> None:
    reply, requests = DOES_WELL[name]
    world.server.replies["/data.csv"] = reply

    done = await world.fetch()

    is_other = "another content" in name
    assert world.content(done) == (BODY[::-1] if is_other else BODY)
    assert len(world.server.asked) == requests


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_file_is_refused_at_once_and_nothing_stays(
    world: World, name: str
) -> None:
    reply, words = REFUSED[name]
    world.server.replies["/data.csv"] = reply

    with pytest.raises(RefusedError, match=words):
        await world.fetch()

    assert {one.number for one in world.server.asked} <= set(range(1, 7))
    assert [one for one in world.folder.rglob("*") if one.is_file()] == []
    assert world.look() <= MOST + PIECE


@pytest.mark.parametrize("name", BROKEN)
async def test_what_breaks_is_tried_three_times_and_nothing_stays(world: World, name: str) -> None:
    reply, words = BROKEN[name]
    world.server.replies["/data.csv"] = reply

    with pytest.raises(BrokenError, match=rf"(?s){words}.*tried 3 times"):
        await world.fetch()

    assert len(world.server.asked) == 3
    assert [one for one in world.folder.rglob("*") if one.is_file()] == []
    assert world.look() <= MOST + PIECE


@pytest.mark.parametrize(
    ("reply", "whole_s", "words"),
    [
        pytest.param(silent, 60, "nothing came", id="never begins"),
        pytest.param(drip(60), 60, "nothing came", id="stops in the middle"),
        pytest.param(drip(0.01), 0.3, "took longer than 0.3 s", id="a byte now and then"),
    ],
)
async def test_who_is_slow_is_left(world: World, reply: Reply, whole_s: float, words: str) -> None:
    world.server.replies["/data.csv"] = reply
    world.whole_s, world.patience = whole_s, Patience(60, 60 if whole_s < 1 else 0.1)

    with pytest.raises(BrokenError, match=rf"{words}.*tried 3 times"):
        await world.fetch()

    assert len(world.server.asked) == 3
    assert [one for one in world.folder.rglob("*") if one.is_file()] == []


async def test_never_more_is_on_the_disk_than_the_limit_and_a_piece(world: World) -> None:
    """Looked at while it comes, by who sends it."""

    async def watched(_: Request, out: asyncio.StreamWriter) -> None:
        out.write(head(200))
        while True:
            out.write(BODY)
            await out.drain()
            world.look()

    world.server.replies["/data.csv"] = watched

    with pytest.raises(RefusedError, match="larger than"):
        await world.fetch()

    assert world.largest <= MOST + PIECE


async def test_a_small_answer_that_unpacks_to_much_is_unpacked_in_steps(world: World) -> None:
    """Else all of it is in memory before anybody has counted it."""
    world.server.replies["/data.csv"] = answer(BOMB, Content_Encoding="gzip")
    web = HttpxWeb(world.resolver, allowed=parse_networks(world.allowed))
    sizes = list[int]()

    async with web.get(parse_target(world.server.url()), {}, MOST) as found:
        async for piece in found.pieces:
            sizes.append(len(piece))

    assert sum(sizes) == 16 << 20
    assert max(sizes) <= STEP


async def test_a_cut_file_goes_on_by_range_of_the_same_content(world: World) -> None:
    world.server.replies["/data.csv"] = ranged()

    await world.fetch()

    assert world.server.asked[1].headers["range"].startswith("bytes=")
    assert world.server.asked[1].headers["if-range"] == '"one"'
    assert world.received == Received(len(BODY), len(BODY))


async def test_a_weak_tag_is_no_ground_to_go_on(world: World) -> None:
    async def reply(asked: Request, out: asyncio.StreamWriter) -> None:
        sent = BODY[:70_000] if asked.number == 1 else BODY
        out.write(head(200, len(BODY), ETag='W/"one"', Accept_Ranges="bytes") + sent)

    world.server.replies["/data.csv"] = reply

    assert world.content(await world.fetch()) == BODY
    assert "range" not in world.server.asked[1].headers


@pytest.mark.parametrize(
    ("known", "header"),
    [({"etag": '"one"'}, "if-none-match"), ({"modified": "Sat"}, "if-modified-since")],
)
async def test_what_has_not_changed_is_not_sent(
    world: World, known: dict[str, str], header: str
) -> None:
    async def reply(asked: Request, out: asyncio.StreamWriter) -> None:
        out.write(head(304) if header in asked.headers else head(200, len(BODY)) + BODY)

    world.server.replies["/data.csv"] = reply

    assert await world.fetch(**known) == Unchanged(Validators(**known))


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/data.csv", {}, "data.csv"),
        ("/a%20b.csv?x=1", {}, "a b.csv"),
        ("/", {"Content_Type": "text/csv; charset=utf-8"}, "127.0.0.1"),
        ("/get", {"Content_Type": "text/csv"}, "get.csv"),
        ("/x", {"Content_Disposition": 'attachment; filename="q.csv"'}, "q.csv"),
        (
            "/x",
            {"Content_Disposition": "attachment; filename*=UTF-8''na%C3%AFve.csv"},
            "naïve.csv",
        ),
        ("/x", {"Content_Disposition": 'attachment; filename="../../etc/passwd"'}, "passwd"),
        ("/x", {"Content_Disposition": 'attachment; filename="..\\\\..\\\\boot.csv"'}, "boot.csv"),
        ("/y.csv", {"Content_Disposition": 'attachment; filename=".."'}, "y.csv"),
        ("/x", {"Content_Disposition": "a; filename*=UTF-8''a%E2%80%AEvsc.exe"}, "avsc.exe"),
        ("/x", {"Content_Disposition": f'a; filename="{"n" * 400}.csv"'}, "n" * 196 + ".csv"),
        ("/x.csv", {"Content_Disposition": "a; filename*=what''%ff"}, None),
    ],
)
async def test_a_name_is_a_name_whatever_the_server_says(
    world: World, path: str, headers: dict[str, str], name: str | None
) -> None:
    world.server.replies[path.partition("?")[0]] = raw(head(200, len(BODY), **headers) + BODY)

    done = await world.fetch(world.server.url(path))

    assert isinstance(done, Fetched)
    assert name is None or done.filename == name
    assert "/" not in done.filename


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["10.1.2.3"], ["169.254.169.254"], ["224.0.0.1"], ["0.0.0.1"],
        ["192.0.0.192"], ["100.64.0.1"], ["::1"], ["fe80::1%lo"], ["64:ff9b::7f00:1"],
        ["64:ff9b:1::7f00:1"], ["2002:7f00:1::"], ["::ffff:8.8.8.8"], ["fec0::1"], ["fc00::1"],
        ["8.8.8.8", "127.0.0.1"], ["2001:4860:4860::8888", "10.0.0.1"],
    ],
    ids=" ".join,
)  # fmt: skip
async def test_a_host_with_one_address_that_is_not_public_is_not_asked(
    world: World, addresses: list[str]
) -> None:
    world.resolver, world.allowed = FixedResolver(addresses), ()

    with pytest.raises(RefusedError, match="is no public address"):
        await world.fetch(world.server.url(host="example.org"))

    assert world.server.asked == []


async def test_what_is_connected_to_is_what_was_looked_at(world: World) -> None:
    """By a second look a name may have another address: there is none."""
    world.server.replies["/data.csv"] = answer(BODY)
    world.resolver = FixedResolver(["127.0.0.1"], ["10.0.0.1"])

    done = await world.fetch(world.server.url(host="rebinding.example"))

    assert world.content(done) == BODY
    assert world.resolver.asked == ["rebinding.example"]
    assert world.server.asked[0].headers["host"] == f"rebinding.example:{world.server.port}"


async def test_each_hop_is_looked_at(world: World) -> None:
    world.server.replies["/data.csv"] = answer(
        b"", 302, Location=f"http://moved.example:{world.server.port}/next"
    )
    world.server.replies["/next"] = answer(BODY)
    world.resolver = FixedResolver(["127.0.0.1"], ["192.168.0.1"])

    with pytest.raises(RefusedError, match=r"moved.example \(192.168.0.1\)"):
        await world.fetch(world.server.url(host="example.org"))

    assert [one.path for one in world.server.asked] == ["/data.csv"]


async def test_five_redirects_are_followed(world: World) -> None:
    for at in range(5):
        world.server.replies[f"/{at}"] = answer(b"", 302, Location=f"/{at + 1}")
    world.server.replies["/5"] = answer(BODY)

    assert world.content(await world.fetch(world.server.url("/0"))) == BODY


async def test_credentials_go_to_their_host_and_to_no_other(world: World) -> None:
    async with hostile() as other:
        other.replies["/x"] = answer(BODY)
        world.server.replies["/data.csv"] = answer(b"", 302, Location=other.url("/x"))
        world.logins = {f"127.0.0.1:{world.server.port}": Login("Authorization", LOGIN)}

        await world.fetch()

        assert world.server.asked[0].headers["authorization"] == LOGIN
        assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1/", "http://2130706433:1/", "http://0x7f.1:1/", "http://[::1]:1/"],
)
async def test_loopback_by_any_name_is_not_asked(world: World, url: str) -> None:
    """By the resolver of this machine, which reads numbers as old programs do."""
    world.resolver, world.allowed = SystemResolver(), ()  # type: ignore[assignment]

    with pytest.raises(RefusedError, match="loopback"):
        await world.fetch(url)


async def test_certificates_are_checked_by_the_name_of_the_host(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("example.org").configure_cert(context)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    async with hostile(context) as server:
        server.replies["/data.csv"] = answer(BODY)
        world = World(server, tmp_path / "blobs", FixedResolver(), authorities=trusted)

        assert world.content(await world.fetch(server.url(host="example.org"))) == BODY
        with pytest.raises(BrokenError, match="cannot be connected to"):
            await world.fetch(server.url(host="example.com"))


async def test_a_proxy_of_the_environment_is_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    world.server.replies["/data.csv"] = answer(BODY)

    assert world.content(await world.fetch()) == BODY
