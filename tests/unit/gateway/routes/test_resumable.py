"""Uploads that go on where they broke off, by tus 1.0.0."""

import asyncio
import hashlib
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.gateway.routes.resumable_protocol import SENT_HEADERS, TUS_HEADERS
from shared.http.keyring import Caller, Credential, Keyring, Role, digest_of
from shared.http.sharing import share
from tests.builders import NOW
from tests.unit.gateway.in_process import client
from tests.unit.gateway.uploading import CSV, World

PATH = "/api/collections/default/uploads"
TUS = {"tus-resumable": "1.0.0"}
PIECE = TUS | {"content-type": "application/offset+octet-stream"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "blobs")


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client(world.app) as made:
        yield made


def said(**metadata: str) -> dict[str, str]:
    pairs = {"filename": "a.csv"} | metadata
    return {
        "upload-metadata": ",".join(
            f"{key} {b64encode(value.encode()).decode()}" for key, value in pairs.items()
        )
    }


async def begun(http: httpx.AsyncClient, length: int = len(CSV), **metadata: str) -> str:
    headers = TUS | {"upload-length": str(length)} | said(**metadata)
    answer = await http.post(PATH, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def send(
    http: httpx.AsyncClient, place: str, offset: int, body: Any, **more: str
) -> httpx.Response:
    headers = PIECE | {"upload-offset": str(offset)} | more
    return await http.patch(place, headers=headers, content=body)


async def offset(http: httpx.AsyncClient, place: str) -> int:
    answer = await http.head(place, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def bytes_kept(world: World) -> int:
    half = world.blobs.folder / "incoming" / "resumable"
    return sum(one.stat().st_size for one in half.glob("*.bytes"))


async def test_a_file_comes_in_pieces_and_discovery_is_told_once(
    world: World, http: httpx.AsyncClient
) -> None:
    place = await begun(
        http, replace="true", text_columns='["note"]', columns="own", filetype="text/csv"
    )
    first = await send(http, place, 0, CSV[:10])
    told = await http.head(place, headers=TUS)
    assert world.wishes == []
    last = await send(http, place, 10, CSV[10:])
    again = await send(http, place, len(CSV), b"")
    result = (await http.get(place)).json()

    assert (first.status_code, first.headers["upload-offset"]) == (204, "10")
    assert first.headers["upload-expires"].endswith(" GMT")
    assert (told.headers["upload-offset"], told.headers["upload-length"]) == ("10", str(len(CSV)))
    assert told.headers["upload-metadata"].startswith("filename YS5jc3Y=,replace ")
    assert [one.status_code for one in (last, again)] == [204, 204]
    assert last.headers["upload-offset"] == str(len(CSV))
    assert all(one.headers["tus-resumable"] == "1.0.0" for one in (first, told, last, again))
    assert world.kept() == {"a.csv": CSV}
    (wish,) = world.wishes
    assert (wish.replace, wish.text_columns, wish.columns) == (True, ("note",), "own")
    assert wish.blob == hashlib.sha256(CSV).hexdigest()
    assert (result["id"], result["file"]["job"]) == (wish.job_id, wish.job_id)
    assert (result["file"]["state"], result["file"]["filename"]) == ("added", "a.csv")
    assert bytes_kept(world) == 0


async def test_what_is_asked_before_is_told(http: httpx.AsyncClient) -> None:
    for path in (PATH, f"{PATH}/{'0' * 20}"):
        answer = await http.options(path)
        assert answer.status_code == 204
        assert answer.headers["tus-version"] == "1.0.0"
        assert answer.headers["tus-max-size"] == "1000"
        assert "creation" in answer.headers["tus-extension"].split(",")
        assert "sha1" in answer.headers["tus-checksum-algorithm"].split(",")


@pytest.mark.parametrize(
    ("headers", "status", "why"),
    [
        ({"upload-length": "1001"}, 413, "larger than 1,000 bytes"),
        ({"upload-length": "0"}, 422, "it is empty"),
        ({"upload-length": "-1"}, 422, "upload-length"),
        ({}, 422, "upload-length"),
        ({"upload-length": "5", "upload-metadata": "filename"}, 422, "it has no name"),
        ({"upload-length": "5", "upload-metadata": "filename %%"}, 422, "no base64"),
        ({"upload-length": "5", "upload-metadata": "filename /w=="}, 422, "no UTF-8"),
        ({"upload-length": "5", "upload-metadata": "filename YQ==,filename YQ=="}, 422, "twice"),
        ({"upload-length": "5", "upload-metadata": "filename YQ==,columns YQ=="}, 422, "columns"),
        ({"upload-length": "5", "tus-resumable": "0.2.2"}, 412, "Tus-Resumable: 1.0.0"),
        ({"upload-length": "5", "tus-resumable": ""}, 412, "Tus-Resumable: 1.0.0"),
        ({"upload-length": "5", "content-type": "text/plain"}, 415, "offset+octet-stream"),
        ({"upload-length": "5", "origin": "https://elsewhere.example"}, 403, "elsewhere"),
    ],
)
async def test_a_beginning_that_cannot_be_taken_says_why(
    world: World, http: httpx.AsyncClient, headers: dict[str, str], status: int, why: str
) -> None:
    answer = await http.post(PATH, headers=TUS | said() | headers)

    assert (answer.status_code, answer.headers["tus-resumable"]) == (status, "1.0.0")
    assert why in answer.json()["detail"]
    assert not [*world.blobs.folder.rglob("*.bytes")]


async def test_a_piece_elsewhere_or_beyond_the_end_changes_nothing(
    world: World, http: httpx.AsyncClient
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100

    place = await begun(http)
    await send(http, place, 0, CSV[:10])
    wrong = [
        (await send(http, place, where, CSV[where:])).status_code for where in (0, 9, 11, 2**50)
    ]
    beyond = await send(http, place, 10, CSV[10:] + b"x")
    streamed = await send(http, place, 10, endless())

    assert wrong == [409] * 4
    assert (beyond.status_code, streamed.status_code) == (413, 413)
    assert await offset(http, place) == 10
    assert (await send(http, place, 10, CSV[10:])).status_code == 204
    assert world.kept() == {"a.csv": CSV}


async def test_a_piece_is_checked_before_it_counts(world: World, http: httpx.AsyncClient) -> None:
    place = await begun(http)
    sums = {
        name: f"{name} {b64encode(hashlib.new(name, CSV[:10]).digest()).decode()}"
        for name in ("sha1", "sha256", "md5")
    }
    wrong = await send(http, place, 0, CSV[1:11], **{"upload-checksum": sums["sha256"]})
    unknown = await send(http, place, 0, CSV[:10], **{"upload-checksum": "crc32 AAAA"})
    assert (wrong.status_code, wrong.json()["title"]) == (460, "Checksum Mismatch")
    assert unknown.status_code in (400, 422)
    assert await offset(http, place) == 0
    right = await send(http, place, 0, CSV[:10], **{"upload-checksum": sums["sha1"]})
    assert right.status_code == 204

    assert await offset(http, place) == 10
    assert (await send(http, place, 10, CSV[10:])).status_code == 204
    assert world.kept() == {"a.csv": CSV}


async def test_a_piece_whose_checker_died_does_not_count(
    world: World, http: httpx.AsyncClient
) -> None:
    place = await begun(http)
    await send(http, place, 0, CSV[:10])
    (data,) = world.blobs.folder.rglob("*.bytes")
    facts = data.with_suffix(".json")
    facts.write_text(facts.read_text().replace('"unsure_from": null', '"unsure_from": 10'))
    with data.open("ab") as file:
        file.write(b"what was never checked")

    assert await offset(http, place) == 10
    assert (await send(http, place, 10, CSV[10:])).status_code == 204
    assert world.kept() == {"a.csv": CSV}


async def test_what_came_before_a_break_stays(world: World, http: httpx.AsyncClient) -> None:
    class TornError(Exception):
        pass

    async def torn() -> AsyncIterator[bytes]:
        yield CSV[:7]
        yield CSV[7:12]
        raise TornError

    place = await begun(http)
    with pytest.raises(TornError):
        await send(http, place, 0, torn())

    assert await offset(http, place) == 12
    assert (await send(http, place, 12, CSV[12:])).status_code == 204
    assert world.kept() == {"a.csv": CSV}


async def test_two_at_a_time_do_not_mix(world: World, http: httpx.AsyncClient) -> None:
    came, goes_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield CSV[:10]
        came.set()
        await goes_on.wait()
        yield CSV[10:20]

    place = await begun(http)
    first = asyncio.ensure_future(send(http, place, 0, slow()))
    await came.wait()
    second = await send(http, place, 0, b"x" * 10)
    removal = await http.delete(place, headers=TUS)
    goes_on.set()

    assert (second.status_code, removal.status_code) == (423, 423)
    assert (await first).status_code == 204
    assert (await send(http, place, 20, CSV[20:])).status_code == 204
    assert world.kept() == {"a.csv": CSV}


async def test_a_file_that_is_refused_says_so_whenever_it_is_asked(
    world: World, http: httpx.AsyncClient
) -> None:
    place = await begun(http, length=8)
    answers = [
        await send(http, place, 0, b"%PDF-1.7"),
        await send(http, place, 8, b""),
        await http.get(place),
    ]
    asked = await http.head(place, headers=TUS)

    for one in answers:
        assert one.status_code == 422
        assert "it is a PDF" in one.json()["files"][0]["reason"]
    assert (asked.status_code, "upload-offset" in asked.headers) == (422, False)
    assert (world.kept(), world.wishes, bytes_kept(world)) == ({}, [], 0)


async def test_while_the_bus_is_away_nothing_counts_as_done(
    world: World, http: httpx.AsyncClient
) -> None:
    place = await begun(http)
    world.bus.is_away = True
    last = await send(http, place, 0, CSV)
    asked = await http.head(place, headers=TUS)
    assert [one.status_code for one in (last, asked)] == [503, 503]
    assert "upload-offset" not in asked.headers
    world.bus.is_away = False

    assert await offset(http, place) == len(CSV)
    (wish,) = world.wishes
    assert (await http.get(place)).json()["file"]["job"] == wish.job_id
    assert world.kept() == {"a.csv": CSV}


async def test_a_gateway_that_died_at_the_end_has_the_same_source_made(
    world: World, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    place = await begun(http)
    await send(http, place, 0, CSV[:-1])
    (data,) = world.blobs.folder.rglob("*.bytes")
    facts = data.with_suffix(".json").read_text()
    await send(http, place, len(CSV) - 1, CSV[-1:])
    data.write_bytes(CSV)  # as if what became of it had not been noted any more
    data.with_suffix(".json").write_text(facts)
    (world.blobs.folder / "incoming" / f"{place[-20:]}.part").write_bytes(b"left")

    other = World(tmp_path / "blobs")
    async with client(other.app) as later:
        assert await offset(later, place) == len(CSV)
    (first,), (second,) = world.wishes, other.wishes
    assert first.model_copy(update={"correlation_id": None}) == second.model_copy(
        update={"correlation_id": None}
    )
    assert len([*world.blobs.notes()]) == 1


async def test_what_discovery_has_not_answered_is_told_once_it_has(
    world: World, http: httpx.AsyncClient
) -> None:
    world.bus.replies.clear()
    place = await begun(http)
    await send(http, place, 0, CSV)
    before = (await http.get(place)).json()["file"]
    world.events.tell(world.answer(before["correlation_id"]))

    async with client(World(world.blobs.folder, events=world.events).app) as restarted:
        after = (await restarted.get(place)).json()["file"]
    assert (before["state"], before["job"]) == ("pending", world.wishes[0].job_id)
    assert (after["state"], after["source_id"]) == ("added", "5" * 32)


async def test_nobody_else_sees_continues_or_removes_an_upload(tmp_path: Path) -> None:
    keys = {"ada": Role.OPERATE, "grace": Role.OPERATE, "lise": Role.READ}
    keyring = Keyring(
        Credential(Caller(name, role), digest_of(f"the-token-of-{name}"))
        for name, role in keys.items()
    )
    world = World(tmp_path / "blobs", keyring=keyring)
    tokens = {name: {"authorization": f"Bearer the-token-of-{name}"} for name in keys}
    async with client(world.app) as http:
        http.headers = httpx.Headers(tokens["ada"])
        place = await begun(http)
        await send(http, place, 0, CSV[:10])
        for name, status in (("grace", 404), ("lise", 403), (None, 401)):
            http.headers = httpx.Headers(tokens[name] if name else {})
            asked = [
                await http.head(place),
                await http.get(place),
                await send(http, place, 10, CSV[10:]),
                await http.delete(place, headers=TUS),
            ]
            assert [one.status_code for one in asked] == [status] * 4
            assert all(one.headers["tus-resumable"] == "1.0.0" for one in asked)
        http.headers = httpx.Headers(tokens["grace"])
        assert (await http.get(PATH)).json() == {"items": []}
        http.headers = httpx.Headers(tokens["ada"])
        (listed,) = (await http.get(PATH)).json()["items"]
        assert (await send(http, place, 10, CSV[10:])).status_code == 204

    assert (listed["id"], listed["offset"], listed["file"]) == (place[-20:], 10, None)
    assert world.kept() == {"a.csv": CSV}


async def test_a_person_has_some_uploads_at_a_time_and_can_end_them(
    http: httpx.AsyncClient, world: World
) -> None:
    places = [await begun(http) for _ in range(3)]
    headers = TUS | said() | {"upload-length": "5"}
    refused = await http.post(PATH, headers=headers)
    removed = await http.delete(places[0], headers=TUS)
    gone = await http.head(places[0])
    await send(http, places[1], 0, CSV)

    assert (refused.status_code, removed.status_code, gone.status_code) == (409, 204, 404)
    assert "blobs.max_unfinished" in refused.json()["detail"]
    assert [(await http.post(PATH, headers=headers)).status_code for _ in range(3)] == [
        201, 201, 409,
    ]  # fmt: skip
    assert world.kept() == {"a.csv": CSV}


async def test_what_nobody_continues_expires_and_what_goes_on_does_not(
    http: httpx.AsyncClient, world: World
) -> None:
    old, fresh, orphan = await begun(http), await begun(http), await begun(http)
    await send(http, old, 0, CSV[:10])
    await send(http, fresh, 0, CSV[:10])
    long_ago = (NOW - timedelta(hours=25)).timestamp()
    for one in (world.blobs.folder / "incoming" / "resumable").iterdir():
        now = NOW.timestamp() if fresh[-20:] in one.name else long_ago
        os.utime(one, (now, now))
        if orphan[-20:] in one.name and one.suffix == ".json":
            one.unlink()
    world.blobs.clean(NOW, timedelta(0))  # as discovery does, of which half uploads are none

    assert (await http.head(old)).status_code == 404
    assert await world.half.clean(NOW) == 2
    left = {one.name.split(".")[2] for one in world.blobs.folder.rglob("*.bytes")}
    assert left == {fresh[-20:]}
    assert (await send(http, fresh, 10, CSV[10:])).status_code == 204


async def test_a_whole_file_may_come_with_the_beginning(
    world: World, http: httpx.AsyncClient
) -> None:
    headers = PIECE | said() | {"upload-length": str(len(CSV))}
    half = await http.post(PATH, headers=headers, content=CSV[:10])
    whole = await http.post(PATH, headers=headers, content=CSV)
    wrong = await http.post(PATH, headers=headers, content=CSV + b"x")

    assert (half.status_code, half.headers["upload-offset"]) == (201, "10")
    assert (whole.status_code, whole.headers["upload-offset"]) == (201, str(len(CSV)))
    assert wrong.status_code == 413
    assert world.kept() == {"a.csv": CSV}
    assert len([*world.blobs.folder.rglob("*.bytes")]) == 2


async def test_where_patch_is_not_let_through_a_post_stands_in_for_it(
    world: World, http: httpx.AsyncClient
) -> None:
    place = await begun(http)
    headers = PIECE | {"upload-offset": "0", "x-http-method-override": "PATCH"}
    answer = await http.post(place, headers=headers, content=CSV)
    removed = await http.post(place, headers=TUS | {"x-http-method-override": "DELETE"})

    assert (answer.status_code, removed.status_code) == (204, 204)
    assert world.kept() == {"a.csv": CSV}


async def test_pages_of_listed_origins_upload_and_others_do_not(tmp_path: Path) -> None:
    ours, theirs = "https://map.example", "https://evil.example"
    world = World(tmp_path / "blobs", allowed_origins=frozenset([ours]))
    async with client(share(world.app, [ours], TUS_HEADERS, SENT_HEADERS)) as http:
        place = await begun(http)
        asked = {
            "access-control-request-method": "PATCH",
            "access-control-request-headers": "content-type,tus-resumable,upload-offset",
        }
        preflights = [
            (await http.options(place, headers=asked | {"origin": origin})).status_code
            for origin in (ours, theirs)
        ]
        refused = await send(http, place, 0, CSV, origin=theirs)
        taken = await send(http, place, 0, CSV, origin=ours)

    assert (preflights, refused.status_code, taken.status_code) == ([200, 400], 403, 204)
    assert "upload-offset" in taken.headers["access-control-expose-headers"]


async def test_a_collection_that_is_not_there_takes_nothing(http: httpx.AsyncClient) -> None:
    headers = TUS | said() | {"upload-length": "5"}
    answer = await http.post(PATH.replace("default", "nobody"), headers=headers)

    assert answer.status_code == 404
