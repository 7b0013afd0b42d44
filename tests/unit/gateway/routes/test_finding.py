"""Search by words, records by id, neighbours: over HTTP, on real files."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from services.gateway.adapters.parquet_search import ParquetRecordSearch
from tests.unit.gateway.files import name_of, write_files
from tests.unit.gateway.in_process import client, serve_files

TEXTS = (
    "The parser failed at once", "nothing here", "A failed PARSER", "Парсер упал: ПАРСЕР",
    "the failed run", "100% (sure)", "parser.failed", "he failed; parser?",
    "only a parser",
)  # fmt: skip


async def asked(folder: Path, path: str, **query: Any) -> httpx.Response:
    async with client(serve_files(folder)) as http:
        return await http.get(path, params=query or None)


@pytest.mark.parametrize(
    "query", ["parser failed", '"parser failed"', "ПАРСЕР", "100%", "(sure)", "parser.failed",
              "absent", "FAILED"],
)  # fmt: skip
async def test_every_word_is_looked_for_in_every_text(tmp_path: Path, query: str) -> None:
    write_files(tmp_path / "default", TEXTS)
    words = [query.strip('"')] if '"' in query else query.split()

    answer = await asked(tmp_path, "/search", q=query, limit=2, ids=3)

    plain = [
        name_of(number)
        for number, text in enumerate(TEXTS)
        if all(one.lower() in text.lower() for one in words)
    ]
    told = answer.json()
    assert (told["total"], told["searched"], told["records"]) == (len(plain), 9, 9)
    assert told["ids"] == plain[:3]
    assert [one["id"] for one in told["items"]] == plain[:2]
    for item in told["items"]:
        assert {one.lower() for one in item["excerpt"][1::2]} == {one.lower() for one in words}


async def test_a_search_ends_when_its_time_is_up_and_says_how_far_it_came(tmp_path: Path) -> None:
    write_files(tmp_path / "default", ["word"] * 20_000, group_rows=20_000)
    times = iter([0.0, 0.5, 2.0])
    search = ParquetRecordSearch(tmp_path, patience_s=1.0, clock=lambda: next(times))

    found = await search.matching("default", ["word"], 5)

    assert found
    assert 0 < found.searched < found.records == 20_000
    assert found.total == found.searched
    assert len(found.ids) == 5


async def test_who_wants_the_first_at_once_gets_them_and_is_told_that_there_may_be_more(
    tmp_path: Path,
) -> None:
    write_files(tmp_path / "default", ["word"] * 20_000, group_rows=20_000)
    times = iter([0.0, 0.02, 0.3])
    search = ParquetRecordSearch(tmp_path, patience_s=10.0, clock=lambda: next(times))

    found = await search.matching("default", ["word"], 5, 0.1)

    assert found
    assert 0 < found.searched < found.records == 20_000
    assert (await asked(tmp_path, "/search", q="word", within_ms=0)).status_code == 422
    told = (await asked(tmp_path, "/search", q="word", within_ms=10_000)).json()
    assert (told["total"], told["searched"]) == (20_000, 20_000)


@pytest.mark.parametrize("query", ["", "  ", '" "', "x" * 201])
async def test_a_query_without_a_word_is_refused(tmp_path: Path, query: str) -> None:
    write_files(tmp_path / "default", TEXTS)

    assert (await asked(tmp_path, "/search", q=query)).status_code == 422


@pytest.mark.parametrize("source", ["1.jsonl", "0.jsonl", "of nobody", None])
async def test_a_record_is_told_whatever_source_is_thought_to_have_it(
    tmp_path: Path, source: str | None
) -> None:
    write_files(tmp_path / "default", TEXTS)
    hint = {} if source is None else {"source": source}

    told = await asked(tmp_path, f"/records/{name_of(3)}", **hint)

    assert told.status_code == 200
    facts = told.json()
    assert (facts["text"], facts["filename"], facts["place"]) == (TEXTS[3], "1.jsonl", 2)


async def test_a_record_that_no_source_has_is_not_found(tmp_path: Path) -> None:
    write_files(tmp_path / "default", TEXTS)

    told = await asked(tmp_path, f"/records/{name_of(77)}", source="1.jsonl")
    nameless = await asked(tmp_path, f"/records/{name_of(3)}", source="")

    assert (told.status_code, nameless.status_code) == (404, 422)


async def test_records_come_as_they_were_asked_for(tmp_path: Path) -> None:
    write_files(tmp_path / "default", TEXTS)
    ids = [name_of(one) for one in (6, 0, 99, 3)]

    answer = await asked(tmp_path, "/records", ids=",".join([*ids, ids[0]]), q="at")

    items = answer.json()["items"]
    assert [one["id"] for one in items] == [ids[0], ids[1], ids[3]]
    assert items[1]["excerpt"] == ["The parser failed ", "at", " once"]
    assert items[1]["timestamp"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("ids", ["", "x", "a,,b", ",".join(["a"] * 51)])
async def test_ids_that_cannot_be_any_are_refused(tmp_path: Path, ids: str) -> None:
    assert (await asked(tmp_path, "/records", ids=ids)).status_code == 422


async def test_neighbours_are_those_of_a_plain_comparison(tmp_path: Path) -> None:
    vectors = np.random.default_rng(3).normal(size=(40, 5)).astype(np.float32)
    write_files(tmp_path / "default", ["text"] * 40, vectors.tolist(), group_rows=7)

    answer = await asked(tmp_path, f"/records/{name_of(9)}/neighbours", limit=6)

    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = units @ units[9]
    plain = [int(one) for one in np.argsort(-cosines) if one != 9][:6]
    told = answer.json()
    assert [one["id"] for one in told["items"]] == [name_of(one) for one in plain]
    assert np.allclose([one["similarity"] for one in told["items"]], cosines[plain], atol=1e-5)
    assert told["compared"] == 39


async def test_who_has_no_neighbours_is_told_why(tmp_path: Path) -> None:
    write_files(tmp_path / "default", TEXTS)
    without = await asked(tmp_path, f"/records/{name_of(1)}/neighbours")
    write_files(tmp_path / "default", ["text"] * 3, [[1, 2]] * 3)
    unknown = await asked(tmp_path, f"/records/{name_of(77)}/neighbours")

    assert (without.status_code, unknown.status_code) == (404, 404)
    assert "output.embeddings" in without.json()["detail"]
    assert "left the map" in unknown.json()["detail"]


async def test_damage_and_absence_are_told(tmp_path: Path) -> None:
    assert (await asked(tmp_path, "/search", q="a")).status_code == 404
    (tmp_path / "default").mkdir()
    for name in ("logs.parquet", "embeddings.parquet"):
        (tmp_path / "default" / name).write_bytes(b"no parquet")

    for path in ("/search?q=a", "/records?ids=a", "/records/a/neighbours"):
        assert (await asked(tmp_path, path)).status_code == 503
