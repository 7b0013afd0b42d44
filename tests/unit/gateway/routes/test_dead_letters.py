"""Dead letters over HTTP."""

import base64
import math
from typing import Any

import httpx
import numpy as np
import pytest

from shared.contracts.batches import encode
from shared.contracts.dead_letters import DeadLetter
from tests.builders import batch, embedded_batch
from tests.unit.gateway.builders import letter, points
from tests.unit.gateway.in_process import build, client


async def get(path: str, *letters: DeadLetter, **query: Any) -> httpx.Response:
    async with client(build(letters=letters)) as http:
        return await http.get(path, params=query)


async def test_pages_lead_from_the_oldest_letter_to_the_newest() -> None:
    letters = [letter(number) for number in range(1, 6)]
    found, query = [], {"limit": 2, "after": 0}
    while query["after"] is not None:
        page = (await get("/dead-letters", *letters, **query)).json()
        assert (page["collection"], page["total"]) == ("default", 5)
        found += page["items"]
        query["after"] = page["next_after"]

    assert [one["sequence"] for one in found] == [1, 2, 3, 4, 5]
    assert found[0]["bytes"] == len("torn 1")
    assert (found[0]["filename"], found[0]["line"]) == ("1.jsonl", 1)


@pytest.mark.parametrize(
    ("query", "sequences"),
    [
        ({"stage": "embedding"}, [2]),
        ({"source": "1.jsonl"}, [1, 3]),
        ({"since": "2026-01-01T03:00:00+01:00"}, [2, 3]),
        ({"since": "2026-01-01T02:30:00.5Z", "source": "1.jsonl"}, [3]),
        ({"collection": "second"}, [4]),
    ],
)
async def test_filters_choose(query: dict[str, str], sequences: list[int]) -> None:
    letters = [
        letter(1),
        letter(2, stage="embedding"),
        letter(3),
        letter(4, collection="second"),
    ]

    answer = await get("/dead-letters", *letters, **query)

    assert [one["sequence"] for one in answer.json()["items"]] == sequences


@pytest.mark.parametrize(
    "query",
    [{"since": "yesterday"}, {"since": "1767225600"}, {"since": "2026-02-30T00:00:00Z"},
     {"since": "2026-01-01T00:00:00"}, {"stage": "gateway"}, {"source": ""}, {"limit": "0"}],
    ids=str,
)  # fmt: skip
async def test_a_filter_that_means_nothing_is_refused(query: dict[str, str]) -> None:
    answer = await get("/dead-letters", letter(1), **query)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"].startswith(f"query.{next(iter(query))}")


async def test_what_can_be_read_is_told_as_text_and_the_rest_as_base64() -> None:
    letters = letter(1, body="schön\0".encode()), letter(2, body=b"\xff\xfe")

    text = (await get("/dead-letters/1", *letters)).json()
    rest = (await get("/dead-letters/2", *letters)).json()

    assert (text["text"], text["base64"], text["rows"]) == ("schön\0", None, None)
    assert (rest["text"], rest["rows"]) == (None, None)
    assert base64.b64decode(rest["base64"]) == b"\xff\xfe"


async def test_a_record_is_told_without_its_vector() -> None:
    plain, embedded = batch(("schön",)), embedded_batch(np.full((1, 2), np.nan))
    letters = letter(1, body=encode(plain)), letter(2, body=encode(embedded))

    for number, one in enumerate((plain, embedded), 1):
        told = (await get(f"/dead-letters/{number}", *letters)).json()

        assert base64.b64decode(told["base64"]) == encode(one)
        assert told["rows"][0].keys() == set(plain.rows.schema.names)
        assert told["rows"][0]["text"] == one.rows["text"][0].as_py()


async def test_a_number_that_json_cannot_say_is_null() -> None:
    lost = letter(1, body=encode(points("b", ["a"], x=math.nan)))

    (row,) = (await get("/dead-letters/1", lost)).json()["rows"]

    assert (row["id"], row["x"], row["y"]) == ("a", None, None)


async def test_a_letter_that_is_not_there_or_of_another_collection_is_not_found() -> None:
    letters = letter(1, collection="unserved"), letter(2)

    for number, status in ((1, 404), (2, 200), (3, 404), (0, 422)):
        assert (await get(f"/dead-letters/{number}", *letters)).status_code == status


@pytest.mark.parametrize("verb", ["replay", "drop"])
async def test_a_command_is_no_letter(verb: str) -> None:
    answer = await get(f"/dead-letters/{verb}")

    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize("verb", ["replay", "drop"])
@pytest.mark.parametrize(
    "body",
    [{}, {"all": False}, {"all": None}, {"stage": None}, {"stage": "embedding", "source": None},
     {"all": 1}, {"all": 1.0}, {"sequences": []}, {"sequences": [0]}, {"sequences": [1.5]},
     {"since": 0}, {"sources": "a"}, None],
    ids=str,
)  # fmt: skip
async def test_every_letter_is_never_meant_by_mistake(verb: str, body: Any) -> None:
    async with client(build()) as http:
        answer = await http.post(f"/dead-letters/{verb}", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/dead-letters/drop", '{"sequences": [1], "sequences": [2]}', "body.sequences"),
        ("/dead-letters/replay", '{"all": true, "\\u0061ll": true}', "body.all"),
        ("/forget", '{"source": "a", "source": "b"}', "body.source"),
        ("/rollback", '{"to_version": 1, "to_version": 2}', "body.to_version"),
        ("/recompute-projection", '{"dry_run": true, "dry_run": false}', "body.dry_run"),
        ("/recompute-projection?collection=default&collection=second", "{}", "query.collection"),
    ],
)
async def test_what_is_said_twice_is_no_command(path: str, body: str, where: str) -> None:
    """A JSON reader takes the last, which may be the larger wish."""
    async with client(build()) as http:
        answer = await http.post(path, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 422
    assert [one["where"] for one in answer.json()["errors"]] == [where]
    assert answer.json()["errors"][0]["what"].endswith("is there 2 times")


@pytest.mark.parametrize("body", ["null", "[[1, 2]]", '"all"', "7", "{", "\xff", '[{"a": 1}]', ""])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
async def test_what_is_no_object_is_no_command_about_letters(body: str, kind: str) -> None:
    async with client(build()) as http:
        answer = await http.post(
            "/dead-letters/drop", content=body.encode("latin-1"), headers={"content-type": kind}
        )

    assert answer.status_code in (400, 415, 422)


@pytest.mark.parametrize("verb", ["replay", "drop"])
@pytest.mark.parametrize(
    "body",
    [{"all": True}, {"sequences": [1, 2.0]}, {"stage": "writing", "source": "a"},
     {"since": "2026-01-01T00:00:00Z"}],
    ids=str,
)  # fmt: skip
async def test_a_command_that_takes_longer_is_accepted(verb: str, body: Any) -> None:
    async with client(build()) as http:
        answer = await http.post(f"/dead-letters/{verb}", json=body)
        asked = await http.get(answer.headers["location"])

    assert answer.status_code == 202
    assert (asked.json()["command"], asked.json()["state"]) == (verb, "pending")
