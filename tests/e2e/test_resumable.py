"""Uploads that break off are continued by a client of others, whatever happened meanwhile."""

import asyncio
import hashlib
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusUploadFailed
from tusclient.uploader import Uploader

from tests.e2e.local_run import PATIENCE_S, LiveRun, live_run, rows, write_source
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
PATH = "/api/collections/default/uploads"
TUS = {"tus-resumable": "1.0.0"}
PIECE = 1 << 18


def table(name: str) -> tuple[list[str], bytes]:
    """Write a table of some notes, in rows so long that it takes some pieces."""
    notes = [f"{name} finds number {number}" for number in range(20)]
    rest = [hashlib.shake_256(note.encode()).hexdigest(1 << 15) for note in notes]
    lines = [f"{note},{more}" for note, more in zip(notes, rest, strict=True)]
    return notes, ("note,more\n" + "\n".join(lines) + "\n").encode()


def uploader(run: LiveRun, name: str, content: bytes, url: str | None = None) -> Uploader:
    said = {"filename": f"{name}.csv", "text_columns": '["note"]', "context_columns": "[]"}
    return TusClient(run.gateway + PATH).uploader(
        file_stream=BytesIO(content), url=url, metadata=said, chunk_size=PIECE, retries=400,
        retry_delay=0.1, upload_checksum=name == "checked",
    )  # fmt: skip


def place(client: Uploader) -> str:
    """Say where an upload lies."""
    return client.url or ""


@contextmanager
def patching(run: LiveRun, url: str, offset: int, length: int) -> Iterator[socket.socket]:
    """Begin a piece by a bare connection."""
    where = urlsplit(run.gateway)
    with closing(socket.create_connection((where.hostname, where.port))) as connection:
        head = (
            f"PATCH {urlsplit(url).path} HTTP/1.1\r\nhost: {where.netloc}\r\n"
            "tus-resumable: 1.0.0\r\ncontent-type: application/offset+octet-stream\r\n"
            f"upload-offset: {offset}\r\ncontent-length: {length}\r\n\r\n"
        )
        connection.sendall(head.encode())
        yield connection


async def offset_of(http: httpx.AsyncClient, url: str) -> int | None:
    answer = await http.head(url, headers=TUS)
    return int(answer.headers["upload-offset"]) if answer.status_code == 200 else None


async def empty(http: httpx.AsyncClient, url: str, offset: int) -> int:
    """Send a piece of no bytes."""
    headers = {"upload-offset": f"{offset}", "content-type": "application/offset+octet-stream"}
    return (await http.patch(url, headers=TUS | headers)).status_code


async def test_an_upload_goes_on_after_kills_and_cuts_and_is_one_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSTREAM_BLOBS__QUOTA_MB", "6")
    write_source(tmp_path / "runs" / "first.jsonl", 3, "default")
    made = {name: table(name) for name in ("killed", "cut", "lost", "checked")}
    async with (
        live_run(tmp_path / "runs", tmp_path / "out") as run,
        httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http,
    ):
        await run.http()
        results = [
            await killed(run, http, made["killed"][1]),
            await cut(run, http, made["cut"][1]),
            await lost(run, http, made["lost"][1]),
            await checked(run, http, made["checked"][1]),
        ]
        await beyond_the_quota(run, http)
        blobs = run.output / "state" / "blobs"
        for told, (name, (_, content)) in zip(results, made.items(), strict=True):
            assert (told["offset"], told["length"]) == (len(content), len(content))
            sha256 = hashlib.sha256(content).hexdigest()
            assert (told["file"]["state"], told["file"]["sha256"]) == ("added", sha256)
            assert (blobs / sha256[:2] / sha256).read_bytes() == content, name
            job = (await http.get(f"/api/jobs/{told['id']}")).json()["items"][0]
            assert (job["kind"], job["filename"]) == ("upload", f"{name}.csv")
        assert not sum(one.stat().st_size for one in blobs.glob("incoming/**/*.bytes"))
        listed = (await http.get("/api/collections/default/sources?kind=upload")).json()
        assert [one["filename"] for one in listed["items"]] == sorted(
            f"{name}.csv" for name in made
        )

        async def is_there() -> bool:
            found = await asyncio.to_thread(rows, run.output)
            texts = sorted(one["text"] for one in found if one["filename"].endswith(".csv"))
            return texts == sorted(note for notes, _ in made.values() for note in notes)

        await until(is_there)


async def killed(run: LiveRun, http: httpx.AsyncClient, content: bytes) -> Any:
    """The gateway is killed in the middle of a piece; tuspy just goes on."""
    client = uploader(run, "killed", content)
    await asyncio.to_thread(client.upload, PIECE)
    pid = await run.running("gateway")
    with patching(run, place(client), PIECE, PIECE) as connection:
        await asyncio.to_thread(connection.sendall, content[PIECE : PIECE + 1000])
        await run.kill("gateway")
    await until(lambda: run.pid_of("gateway") not in (pid, None))
    await asyncio.to_thread(client.upload)
    return (await http.get(place(client))).json()


async def cut(run: LiveRun, http: httpx.AsyncClient, content: bytes) -> Any:
    """A connection breaks; what came stays, and another client goes on there."""
    first = uploader(run, "cut", content)
    await asyncio.to_thread(first.upload, PIECE)
    with patching(run, place(first), PIECE, len(content) - PIECE) as connection:
        await asyncio.to_thread(connection.sendall, content[PIECE : PIECE + 100_000])

        async def is_busy() -> bool:
            return await empty(http, place(first), PIECE) == 423

        await until(is_busy)
    there = PIECE + 100_000
    await until(lambda: _is(http, place(first), there))
    second = uploader(run, "cut", content, place(first))
    assert second.offset == there
    await asyncio.to_thread(second.upload)
    return (await http.get(place(first))).json()


async def _is(http: httpx.AsyncClient, url: str, offset: int) -> bool:
    return await offset_of(http, url) == offset


async def lost(run: LiveRun, http: httpx.AsyncClient, content: bytes) -> Any:
    """The client has left when the last piece is answered; asked again, it is the same source."""
    client = uploader(run, "lost", content)
    await asyncio.to_thread(client.upload, PIECE)
    with patching(run, place(client), PIECE, len(content) - PIECE) as connection:
        await asyncio.to_thread(connection.sendall, content[PIECE:])
    await until(lambda: _is(http, place(client), len(content)))
    last = await empty(http, place(client), len(content))
    assert last == 204
    return (await http.get(place(client))).json()


async def checked(run: LiveRun, http: httpx.AsyncClient, content: bytes) -> Any:
    """Each piece comes with its hash."""
    client = uploader(run, "checked", content)
    await asyncio.to_thread(client.upload)
    return (await http.get(place(client))).json()


async def beyond_the_quota(run: LiveRun, http: httpx.AsyncClient) -> None:
    """A file for which a collection has no room is told so with the last piece."""
    client = uploader(run, "large", table("large")[1])
    client.retries = 0
    with pytest.raises(TusUploadFailed) as failed:
        await asyncio.to_thread(client.upload)
    answers = [failed.value.response_content, (await http.get(place(client))).content]
    for one in answers:
        assert "blobs.quota_mb" in json.loads(one or b"")["files"][0]["reason"]
    assert await offset_of(http, place(client)) is None


class Torn:
    """A line to the gateway that breaks once, after so many bytes."""

    def __init__(self, run: LiveRun, after: int) -> None:
        self._where = urlsplit(run.gateway)
        self.left = after
        self.breaks = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._where.hostname, self._where.port)
        both = [
            asyncio.ensure_future(self._copy(reader, back, counts=True)),
            asyncio.ensure_future(self._copy(there, writer)),
        ]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for one in (back, writer):
            one.close()
        await asyncio.gather(*both)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool = False
    ) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(1 << 16):
                self.left -= len(piece) if counts else 0
                if self.left < 0 and not self.breaks:
                    self.breaks += 1
                    return
                writer.write(piece)
                await writer.drain()


async def test_the_terminal_goes_on_after_its_line_broke(tmp_path: Path) -> None:
    write_source(tmp_path / "runs" / "first.jsonl", 3, "default")
    content = table("torn")[1]
    (tmp_path / "torn.csv").write_bytes(content)
    async with live_run(tmp_path / "runs", tmp_path / "out") as run:
        await run.http()
        line = Torn(run, 400_000)
        server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        words = ("sources", "add", str(tmp_path / "torn.csv"), "--text-column", "note", "--json")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", *words, "--output", str(run.output),
            "--gateway", f"http://127.0.0.1:{port}", stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        server.close()
        await until(lambda: len(asyncio.all_tasks()) == 1)

        (told,) = json.loads(out)["files"]
        assert (process.returncode, told["state"], line.breaks) == (0, "added", 1)
        assert told["sha256"] == hashlib.sha256(content).hexdigest()
        blob = run.output / "state" / "blobs" / told["sha256"][:2] / told["sha256"]
        assert blob.read_bytes() == content
