"""Files that are uploaded over HTTP: each for itself, never more of one than is allowed."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.http.keyring import Caller, Credential, Keyring, Role, digest_of
from shared.http.marks import UPLOAD_HEADER
from tests.unit.gateway.in_process import client
from tests.unit.gateway.uploading import CSV, LIMITS, World

SAID = {UPLOAD_HEADER: "1"}
PATH = "/api/collections/default/sources"
FRAME = "--x\r\ncontent-disposition: form-data; name=files; filename=a.csv\r\n\r\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "blobs")


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client(world.app) as made:
        yield made


def files(*given: tuple[str, bytes]) -> list[tuple[str, Any]]:
    return [("files", one) for one in given]


async def test_an_uploaded_file_is_kept_and_discovery_is_told(
    world: World, http: httpx.AsyncClient
) -> None:
    options = {"text_columns": ["note"], "context_columns": ["name"], "replace": True}
    answer = await http.post(
        PATH, headers=SAID, files=files(("a.csv", CSV)), data={"options": json.dumps(options)}
    )

    assert answer.status_code == 202, answer.text
    (told,) = answer.json()["files"]
    assert (told["state"], told["filename"], told["size_bytes"]) == ("added", "a.csv", len(CSV))
    (wish,) = world.wishes
    assert told["job"] == wish.job_id
    assert world.kept() == {"a.csv": CSV}
    assert wish.blob == told["sha256"]
    assert wish.text_columns == ("note",)
    assert wish.context_columns == ("name",)
    assert wish.replace


async def test_while_discovery_is_away_a_file_waits_for_it(
    world: World, http: httpx.AsyncClient
) -> None:
    world.book.is_away = True
    world.bus.replies.clear()

    answer = await http.post(PATH, headers=SAID, files=files(("a.csv", CSV)))

    assert answer.status_code == 202, answer.text
    (told,) = answer.json()["files"]
    assert (told["state"], told["job"]) == ("pending", world.wishes[0].job_id)
    assert world.kept() == {"a.csv": CSV}


async def test_one_bad_file_stops_no_other(world: World, http: httpx.AsyncClient) -> None:
    given = files(("a.csv", CSV), ("b.csv", b"x" * 1001), ("\u202e.csv", CSV), ("c.csv", CSV))
    answer = await http.post(PATH, headers=SAID, files=given)

    told = answer.json()["files"]
    assert answer.status_code == 202
    assert [one["state"] for one in told] == ["added", "refused", "refused", "refused"]
    assert [one["reason"] for one in told[1:]] == [
        "it is larger than 1,000 bytes: split it, or have blobs.max_file_mb raised",
        "its name has the character U+202E, which nobody sees: rename it",
        "a request uploads at most 3 files",
    ]
    assert world.kept() == {"a.csv": CSV}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"%PDF-1.7 ...", "it is a PDF"),
        (b"\x89PNG\r\n\x1a\n....", "it is a PNG picture"),
        (b"<html><body>log in", "a page of HTML"),
    ],
)
async def test_what_is_not_read_is_refused_at_the_door(
    world: World, http: httpx.AsyncClient, content: bytes, reason: str
) -> None:
    answer = await http.post(PATH, headers=SAID, files=files(("a.csv", content)))

    assert answer.status_code == 422
    assert reason in answer.json()["files"][0]["reason"]
    assert reason in answer.json()["detail"]
    assert world.kept() == {}
    assert world.wishes == []


async def test_a_column_that_is_not_there_is_named_with_those_that_are(
    world: World, http: httpx.AsyncClient
) -> None:
    answer = await http.post(
        PATH, headers=SAID, files=files(("a.csv", CSV)), data={"options": '{"text_columns":["x"]}'}
    )

    assert answer.json()["detail"] == "it has no column 'x'; it has: name, note"
    assert world.kept() == {}


async def test_what_discovery_refuses_is_told_with_its_reason(
    world: World, http: httpx.AsyncClient
) -> None:
    world.bus.is_away = True
    answer = await http.post(PATH, headers=SAID, files=files(("a.csv", CSV)))

    assert answer.status_code == 422
    assert answer.json()["files"][0]["reason"] == "the bus is away"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        (SAID | {"content-type": "application/json"}, 415),
        (SAID | {"content-type": "text/plain"}, 415),
        (SAID | {"content-type": "multipart/form-data"}, 415),
        (SAID | {"origin": "https://elsewhere.example"}, 403),
        (SAID | {"sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_no_other_site_uploads_and_nothing_but_files_comes_in(
    world: World, http: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    form = {"content-type": "multipart/form-data; boundary=x"}
    body = f"{FRAME}a\r\n--x--\r\n".encode()
    answer = await http.post(PATH, headers=form | headers, content=body)

    assert answer.status_code == status
    assert world.kept() == {}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (f"{FRAME}half", 400),
        ("--x\r\nnonsense\r\n\r\n", 400),
        ("--x--\r\n", 422),
        ("--x\r\ncontent-disposition: form-data; name=what\r\n\r\na\r\n--x--\r\n", 422),
        ('--x\r\ncontent-disposition: form-data; name=options\r\n\r\n{"a":1}\r\n--x--\r\n', 422),
        ("", 400),
    ],
)
async def test_a_body_that_is_not_whole_leaves_nothing(
    world: World, http: httpx.AsyncClient, body: str, status: int
) -> None:
    form = {"content-type": "multipart/form-data; boundary=x"}
    answer = await http.post(PATH, headers=SAID | form, content=body.encode())

    assert answer.status_code == status, answer.text
    assert world.kept() == {}
    assert world.wishes == []


async def test_a_body_of_any_length_is_cut_off(world: World, http: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield FRAME.encode()
        while True:
            sent += 1 << 16
            yield b"x" * (1 << 16)

    form = {"content-type": "multipart/form-data; boundary=x"}
    answer = await http.post(PATH, headers=SAID | form, content=endless())

    assert answer.status_code == 413
    assert sent < 2 * LIMITS.max_body_bytes
    assert world.kept() == {}


async def test_a_collection_that_is_not_there_takes_nothing(
    world: World, http: httpx.AsyncClient
) -> None:
    path = PATH.replace("default", "nobody")
    answer = await http.post(path, headers=SAID, files=files(("a.csv", CSV)))

    assert answer.status_code == 404
    assert world.kept() == {}


async def test_who_may_only_read_uploads_nothing(tmp_path: Path) -> None:
    keyring = Keyring([Credential(Caller("reader", Role.READ), digest_of("a-token-to-read"))])
    world = World(tmp_path / "blobs", keyring=keyring)
    async with client(world.app) as http:
        given = files(("a.csv", CSV))
        nobody = await http.post(PATH, headers=SAID, files=given)
        token = {"authorization": "Bearer a-token-to-read"}
        reader = await http.post(PATH, headers=SAID | token, files=given)

    assert (nobody.status_code, reader.status_code) == (401, 403)
    assert world.kept() == {}


async def test_the_limits_are_told_before(http: httpx.AsyncClient) -> None:
    told = (await http.get("/api/uploads/limits")).json()

    assert told["max_file_bytes"] == 1000
    assert told["max_files"] == 3
    assert told["quota_bytes"] == 5000
    assert told["header"] == UPLOAD_HEADER
    assert "csv" in told["formats"]


async def test_a_preview_tells_what_a_file_holds_and_keeps_nothing(
    world: World, http: httpx.AsyncClient
) -> None:
    answer = await http.post("/api/uploads/preview", headers=SAID, files={"file": ("a.csv", CSV)})

    told = answer.json()
    assert answer.status_code == 200, answer.text
    assert (told["file"], told["format"], told["size_bytes"]) == ("a.csv", "csv", len(CSV))
    (table,) = told["tables"]
    assert (table["rows"], table["header"]) == (2, [1])
    assert [one["name"] for one in table["columns"]] == ["name", "note"]
    assert table["columns"][0]["examples"] == ["Ada", "Grace"]
    assert {one["name"] for one in told["facts"]} >= {"encoding", "delimiter"}
    assert world.kept() == {}


async def test_a_file_that_cannot_be_read_has_no_preview_but_a_reason(
    world: World, http: httpx.AsyncClient
) -> None:
    for given in ({"file": ("a.xlsx", b"PK\x03\x04broken")}, files(("a", CSV), ("b", CSV))):
        answer = await http.post("/api/uploads/preview", headers=SAID, files=given)
        assert answer.status_code == 422, answer.text
    assert world.kept() == {}


async def test_an_uploaded_file_can_be_looked_at_later(
    world: World, http: httpx.AsyncClient
) -> None:
    await http.post(PATH, headers=SAID, files=files(("a.csv", CSV)))
    row = world.sources.add("default", world.wishes[0], len(CSV))

    told = await http.get(f"{PATH}/{row.source_id}/preview")
    other = await http.get(f"{PATH}/{'0' * 32}/preview")
    listed = await http.get(PATH)

    assert told.json()["tables"][0]["rows"] == 2
    assert other.status_code == 404
    assert [one["filename"] for one in listed.json()["items"]] == ["a.csv"]
