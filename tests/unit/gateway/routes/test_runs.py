"""The table of runs and the path of one: over HTTP, on real files."""

from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared.contracts.labels import MapLabels, Place, ToldRegion
from tests.builders import NOW
from tests.fakes.label_log import FakeLabelLog
from tests.unit.gateway.files import name_of, write_files
from tests.unit.gateway.in_process import client, serve_files

ROWS = (
    # id, run, step, place within, x, y, outcome, day
    ("b2", "b.jsonl", 2, 0, 9.0, 9.0, "lost", 4),
    ("a1", "a.jsonl", 1, 0, 0.0, 0.0, None, 2),
    ("b1", "b.jsonl", 1, 0, 5.0, 5.0, "going on", 3),
    ("c1", "c.jsonl", 1, 0, 0.0, 1.0, None, None),
    ("a3", "a.jsonl", 3, 0, 2.0, 0.0, "solved", 2),
    ("a2-late", "a.jsonl", 2, 1, 1.0, 0.5, None, 2),
    ("a2", "a.jsonl", 2, 0, 1.0, 0.0, None, 2),
)


def write_runs(
    folder: Path, *, has_outcome: bool = True, has_table: bool = False, has_runs: bool = True
) -> None:
    days = [None if one[7] is None else NOW.replace(day=one[7]) for one in ROWS]
    columns: dict[str, Any] = {
        "id": [one[0] for one in ROWS],
        "timestamp": pa.array(days, pa.timestamp("us", tz="UTC")),
        "filename": [one[1] for one in ROWS],
        "text": [f"text of {one[0]}" for one in ROWS],
        "iteration": pa.array([one[2] for one in ROWS], pa.int32()),
        "idx_in_iteration": pa.array([one[3] for one in ROWS], pa.int32()),
        "type": ["iteration"] * len(ROWS),
        "projection_x": pa.array([one[4] for one in ROWS], pa.float32()),
        "projection_y": pa.array([one[5] for one in ROWS], pa.float32()),
        "outcome": pa.array([one[6] for one in ROWS], pa.string()),
        "final_answer": pa.array(
            ["The answer is 42." if one[0] == "b2" else None for one in ROWS], pa.string()
        ),
    }
    if not has_outcome:
        del columns["outcome"], columns["final_answer"]
    if has_table:
        columns["filename"][3] = "table.csv"
        columns["type"][3] = "record"
    if not has_runs:
        columns["type"] = ["record"] * len(ROWS)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "logs.parquet", row_group_size=3)


def region(number: int, x: float, y: float) -> ToldRegion:
    return ToldRegion(
        region=number, words=("word",), x=x, y=y, spread=1, share=0.5, centres=(Place(x=x, y=y),),
        members=(),
    )  # fmt: skip


LABELS = MapLabels(
    id="map.labels:default:1:1", collection="default", occurred_at=NOW, dataset_version=1,
    model_version=1, records=7, sampled=7, seconds=1, last_region=5,
    regions=(region(3, 1.0, 0.0), region(5, 9.0, 9.0)),
)  # fmt: skip


async def asked(folder: Path, path: str, **query: Any) -> httpx.Response:
    async with client(serve_files(folder, labels=FakeLabelLog(LABELS))) as http:
        return await http.get(path, params=query or None)


async def names(folder: Path, **query: Any) -> list[str]:
    answer = await asked(folder, "/runs", **query)
    assert answer.status_code == 200, answer.text
    return [one["name"][0] for one in answer.json()["items"]]


async def test_a_map_of_tables_only_has_no_runs(tmp_path: Path) -> None:
    write_runs(tmp_path / "default", has_runs=False)

    for query in ({}, {"region": 3}, {"area": "0,0,9,0,9,9"}):
        answer = await asked(tmp_path, "/runs", **query)
        assert (answer.status_code, answer.json().get("total")) == (200, 0), answer.text


async def test_a_run_tells_its_steps_its_outcome_and_when_it_was(tmp_path: Path) -> None:
    write_runs(tmp_path / "default")

    told = (await asked(tmp_path, "/runs")).json()

    assert (told["total"], told["limit"], told["offset"]) == (3, 50, 0)
    facts = [(one["name"], one["steps"], one["outcome"], one["inside"]) for one in told["items"]]
    assert facts == [
        ("a.jsonl", 4, "solved", None), ("b.jsonl", 2, "lost", None), ("c.jsonl", 1, None, None),
    ]  # fmt: skip
    assert told["items"][1]["begun"][:10] == NOW.replace(day=3).isoformat()[:10]
    assert told["items"][1]["ended"][:10] == NOW.replace(day=4).isoformat()[:10]
    assert told["items"][1]["distance"] > max(told["items"][place]["distance"] for place in (0, 2))


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        ("name", "desc", "cba"),
        ("steps", "asc", "cba"),
        ("steps", "desc", "abc"),
        ("outcome", "asc", "bac"),
        ("outcome", "desc", "abc"),
        ("begun", "desc", "bac"),
        ("begun", "asc", "abc"),
    ],
)
async def test_runs_are_sorted_and_what_is_not_known_comes_last(
    tmp_path: Path, sort: str, order: str, expected: str
) -> None:
    write_runs(tmp_path / "default")

    assert "".join(await names(tmp_path, sort=sort, order=order)) == expected


async def test_runs_come_page_by_page(tmp_path: Path) -> None:
    write_runs(tmp_path / "default")

    assert await names(tmp_path, limit=2) == ["a", "b"]
    assert await names(tmp_path, limit=2, offset=2) == ["c"]


async def test_runs_that_pass_through_a_region_or_an_area_say_how_often(tmp_path: Path) -> None:
    write_runs(tmp_path / "default")

    there = (await asked(tmp_path, "/runs", region=5)).json()["items"]
    area = (await asked(tmp_path, "/runs", area="-1,-1,1.5,-1,1.5,2,-1,2", sort="inside")).json()

    assert [(one["name"], one["inside"]) for one in there] == [("b.jsonl", 2)]
    assert [(one["name"], one["inside"]) for one in area["items"]] == [
        ("c.jsonl", 1), ("a.jsonl", 3),
    ]  # fmt: skip
    assert area["total"] == 2


async def test_runs_whose_steps_have_some_words_say_how_many(tmp_path: Path) -> None:
    write_runs(tmp_path / "default")

    told = (await asked(tmp_path, "/runs", q="TEXT 2", sort="inside", order="desc")).json()
    none = (await asked(tmp_path, "/runs", q="absent")).json()

    assert [(one["name"], one["inside"]) for one in told["items"]] == [
        ("a.jsonl", 2), ("b.jsonl", 1),
    ]  # fmt: skip
    assert (told["total"], told["searched"], told["records"]) == (2, len(ROWS), len(ROWS))
    assert (none["total"], none["items"]) == (0, [])


async def test_runs_near_to_a_record_say_how_many_of_the_nearest_they_have(tmp_path: Path) -> None:
    vectors = [
        [1.0, one / 100] for one in range(60)
    ]  # the nearest to the first are those after it
    write_files(tmp_path / "default", ["text"] * 60, vectors)

    told = (await asked(tmp_path, "/runs", like=name_of(0))).json()
    unknown = await asked(tmp_path, "/runs", like=name_of(99))

    assert [(one["name"], one["inside"]) for one in told["items"]] == [
        ("0.jsonl", 10), ("1.jsonl", 10),
    ]  # fmt: skip
    assert told["searched"] is None
    assert unknown.status_code == 404


async def test_the_path_of_a_run_has_its_steps_in_order(tmp_path: Path) -> None:
    write_runs(tmp_path / "default")

    told = (await asked(tmp_path, "/run", name="a.jsonl", steps=3)).json()

    assert (told["total"], told["outcome"]) == (4, "solved")
    assert [one["id"] for one in told["steps"]] == ["a1", "a2", "a2-late"]
    assert [(one["x"], one["y"]) for one in told["steps"]] == [(0, 0), (1, 0), (1, 0.5)]
    assert told["steps"][0]["beginning"] == "text of a1"


async def test_files_of_before_have_runs_without_an_outcome(tmp_path: Path) -> None:
    write_runs(tmp_path / "default", has_outcome=False)

    assert await names(tmp_path) == ["a", "b", "c"]
    assert (await asked(tmp_path, "/run", name="b.jsonl")).json()["outcome"] is None


async def test_files_that_were_replaced_are_read_anew(tmp_path: Path) -> None:
    write_runs(tmp_path / "default")
    async with client(serve_files(tmp_path, labels=FakeLabelLog(LABELS))) as http:
        assert (await http.get("/runs")).json()["total"] == 3
        new = pq.read_table(tmp_path / "default" / "logs.parquet").slice(0, 2)
        pq.write_table(new, tmp_path / "beside")
        (tmp_path / "beside").rename(tmp_path / "default" / "logs.parquet")

        assert (await http.get("/runs")).json()["total"] == 2


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/runs", {}, 404),
        ("/run", {"name": "a.jsonl"}, 404),
        ("/runs", {"area": "1,2,3,4"}, 422),
        ("/runs", {"area": "nan,0,1,0,1,1"}, 422),
        ("/runs", {"sort": "colour"}, 422),
        ("/run", {}, 422),
    ],
)
async def test_what_is_not_there_or_makes_no_sense_is_said(
    tmp_path: Path, path: str, query: dict[str, Any], status: int
) -> None:
    assert (await asked(tmp_path, path, **query)).status_code == status


async def test_a_region_that_is_no_more_is_said(tmp_path: Path) -> None:
    write_runs(tmp_path / "default")

    answer = await asked(tmp_path, "/runs", region=4)

    assert answer.status_code == 404
    assert "no region 4" in answer.json()["detail"]


async def test_a_run_of_another_name_is_said(tmp_path: Path) -> None:
    write_runs(tmp_path / "default")

    assert (await asked(tmp_path, "/run", name="d.jsonl")).status_code == 404


async def test_a_table_is_no_run(tmp_path: Path) -> None:
    write_runs(tmp_path / "default", has_table=True)

    assert await names(tmp_path) == ["a", "b"]


async def test_a_run_tells_its_final_answer(tmp_path: Path) -> None:
    write_runs(tmp_path / "default")

    told = (await asked(tmp_path, "/runs")).json()["items"]
    assert [one["answer"] for one in told] == [None, "The answer is 42.", None]
    path = (await asked(tmp_path, "/run", name="b.jsonl")).json()
    assert (path["outcome"], path["answer"]) == ("lost", "The answer is 42.")
