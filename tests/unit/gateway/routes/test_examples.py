"""The logs that come with the program, put on a map as uploads are."""

from pathlib import Path
from typing import Any

import pytest

from services.gateway.adapters.folder_example_shelf import PLACES
from services.gateway.domain.parts import UploadLimits
from services.gateway.handlers.examples import NONE
from shared.http.keyring import Caller, Credential, Keyring, Role, digest_of
from tests.unit.gateway.in_process import client
from tests.unit.gateway.uploading import World

PATH = "/api/collections/default/examples"
SHIPPED = {one.name: one.read_bytes() for one in PLACES[-1].glob("*.jsonl")}
LIMITS = UploadLimits(max_file_bytes=1 << 20, max_files=100, quota_bytes=1 << 30)


def world(folder: Path, logs: dict[str, bytes], **rules: Any) -> World:
    made = World(folder / "blobs", LIMITS, **rules)
    made.shelf.mkdir()
    for name, body in logs.items():
        (made.shelf / name).write_bytes(body)
    return made


async def test_the_example_logs_become_sources_and_are_told_of_before(tmp_path: Path) -> None:
    assert len(SHIPPED) > 10
    made = world(tmp_path, SHIPPED)
    async with client(made.app) as http:
        told = (await http.get("/api/examples")).json()
        answer = await http.post(PATH)

    size = sum(len(body) for body in SHIPPED.values())
    assert told == {"files": len(SHIPPED), "size_bytes": size, "why_not": None}
    assert answer.status_code == 202, answer.text
    assert [one["state"] for one in answer.json()["files"]] == ["added"] * len(SHIPPED)
    assert made.kept() == SHIPPED
    assert {one.filename for one in made.wishes} == set(SHIPPED)
    assert all(one.replace for one in made.wishes)


async def test_what_else_lies_there_is_no_example(tmp_path: Path) -> None:
    made = world(tmp_path, {"a.jsonl": b"{}\n", "ATTRIBUTION.md": b"# whose they are\n"})
    async with client(made.app) as http:
        assert (await http.get("/api/examples")).json()["files"] == 1


@pytest.mark.parametrize("is_shelf_there", [True, False])
async def test_why_there_are_none_is_said(tmp_path: Path, is_shelf_there: bool) -> None:
    made = world(tmp_path, {})
    if not is_shelf_there:
        made.shelf.rmdir()
    async with client(made.app) as http:
        told = (await http.get("/api/examples")).json()
        answer = await http.post(PATH)

    assert told == {"files": 0, "size_bytes": 0, "why_not": NONE}
    assert (answer.status_code, answer.json()["detail"]) == (422, NONE)


async def test_a_reason_that_all_have_is_the_answer(tmp_path: Path) -> None:
    made = world(tmp_path, {"a.jsonl": b"{}\n", "b.jsonl": b'{"a":1}\n'})
    made.bus.is_away = True
    async with client(made.app) as http:
        answer = await http.post(PATH)

    assert (answer.status_code, answer.json()["detail"]) == (422, "the bus is away")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (PATH, {}, 401),
        (PATH, {"authorization": "Bearer a-token-to-read"}, 403),
        (PATH, {"authorization": "Bearer a-token-to-act", "sec-fetch-site": "cross-site"}, 403),
        (PATH.replace("default", "no"), {"authorization": "Bearer a-token-to-act"}, 404),
    ],
)
async def test_who_may_not_puts_nothing_there(
    tmp_path: Path, path: str, headers: dict[str, str], status: int
) -> None:
    keyring = Keyring(
        Credential(Caller(name, role), digest_of(f"a-token-to-{name}"))
        for name, role in (("read", Role.READ), ("act", Role.OPERATE))
    )
    made = world(tmp_path, SHIPPED, keyring=keyring)
    async with client(made.app) as http:
        answer = await http.post(path, headers=headers)

    assert answer.status_code == status, answer.text
    assert made.kept() == {}
