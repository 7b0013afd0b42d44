"""What a map can be coloured by, over HTTP, on real files."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.gateway.files import name_of, write_files
from tests.unit.gateway.in_process import client, serve_files

SAID: tuple[Any, ...] = (
    {"model": "a", "cost": 1, "tags": ["x"], "ok": True},
    {"model": "b", "cost": 2.5, "mixed": 1},
    {"model": "a", "cost": None, "mixed": "one"},
    None,
    "no JSON",
    [1],
    {"model": "ж" * 300, "cost": -3, "huge": 10**400},
)


async def asked(folder: Path, path: str, **query: Any) -> httpx.Response:
    async with client(serve_files(folder)) as http:
        return await http.get(path, params=query or None)


def write(folder: Path) -> None:
    documents = [
        None if one is None else one if isinstance(one, str) else json.dumps(one) for one in SAID
    ]
    write_files(folder / "default", ["text"] * len(SAID), attributes=documents)
    path = folder / "default" / "logs.parquet"
    table = pq.read_table(path)
    outcome = pa.array(["ok", None, "bad", "ok", None, None, None])
    tokens = pa.array([1, 2, None, 4, None, None, 2**40], pa.int64())
    table = table.append_column("outcome", outcome).append_column("tokens", tokens)
    pq.write_table(table, path, row_group_size=2)


async def test_what_the_records_have_is_listed(tmp_path: Path) -> None:
    write(tmp_path)

    told = (await asked(tmp_path, "/columns")).json()

    found = {one["name"]: (one["kind"], one["records"], one["different"]) for one in told["items"]}
    assert told["sampled"] == len(SAID)
    assert found == {
        "arrived_at": ("time", 7, 7),
        "outcome": ("word", 3, 2),
        "tokens": ("number", 4, 4),
        "attributes.model": ("word", 4, 3),
        "attributes.cost": ("number", 3, 3),
        "attributes.mixed": ("word", 2, 2),
        "attributes.tags": ("word", 1, 1),
        "attributes.ok": ("word", 1, 1),
        "attributes.huge": ("word", 1, 1),
    }


async def test_what_the_records_of_one_source_have_is_listed(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "default" / "logs.parquet"
    table = pq.read_table(path)
    names = pa.array(["a.csv", "b.csv", "a.csv", "b.csv", "b.csv", "b.csv", "b.csv"])
    place = table.schema.get_field_index("filename")
    pq.write_table(table.set_column(place, "filename", names), path, row_group_size=2)

    told = (await asked(tmp_path, "/columns", source="a.csv")).json()

    assert told["sampled"] == 2
    found = {one["name"]: one["records"] for one in told["items"]}
    assert found["outcome"] == 2
    assert found["tokens"] == 1
    assert (await asked(tmp_path, "/columns", source="absent")).json()["items"] == []


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("outcome", "word", ["ok", None, "bad", "ok", None, None, None]),
        ("tokens", "number", [1, 2, None, 4, None, None, 2**40]),
        ("attributes.model", "word", ["a", "b", "a", None, None, None, "ж" * 200]),
        ("attributes.cost", "number", [1, 2.5, None, None, None, None, -3]),
        ("attributes.mixed", "number", [None, 1, None, None, None, None, None]),
        ("attributes.mixed", "word", [None, "1", "one", None, None, None, None]),
        ("attributes.tags", "word", ['["x"]', *[None] * 6]),
        ("attributes.ok", "word", ["true", *[None] * 6]),
        ("attributes.absent", "word", [None] * 7),
    ],
)
async def test_a_column_has_a_value_for_every_record(
    tmp_path: Path, name: str, kind: str, values: list[Any]
) -> None:
    write(tmp_path)

    answer = await asked(tmp_path, "/column", name=name, kind=kind)

    table = pa.ipc.open_stream(io.BytesIO(answer.content)).read_all()
    assert table.column("id").to_pylist() == [name_of(one) for one in range(7)]
    assert table.column("value").to_pylist() == values


async def test_when_records_arrived_is_a_column(tmp_path: Path) -> None:
    write(tmp_path)

    answer = await asked(tmp_path, "/column", name="arrived_at", kind="time")

    table = pa.ipc.open_stream(io.BytesIO(answer.content)).read_all()
    plain = pq.read_table(tmp_path / "default" / "logs.parquet").column("arrived_at")
    assert table.column("value").to_pylist() == plain.to_pylist()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"name": "text", "kind": "word"}, 404),
        ({"name": "outcome", "kind": "number"}, 404),
        ({"name": "nothing", "kind": "word"}, 404),
        ({"name": "attributes.model", "kind": "time"}, 404),
        ({"name": "outcome", "kind": "colour"}, 422),
        ({"name": "outcome"}, 422),
    ],
)
async def test_what_is_no_such_column_is_told(
    tmp_path: Path, query: dict[str, str], status: int
) -> None:
    write(tmp_path)

    assert (await asked(tmp_path, "/column", **query)).status_code == status


async def test_there_is_no_map_yet_or_it_is_damaged(tmp_path: Path) -> None:
    column = {"name": "outcome", "kind": "word"}
    assert (await asked(tmp_path, "/columns")).status_code == 404
    assert (await asked(tmp_path, "/column", **column)).status_code == 404
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "logs.parquet").write_bytes(b"no parquet")
    assert (await asked(tmp_path, "/columns")).status_code == 503
    assert (await asked(tmp_path, "/column", **column)).status_code == 503
