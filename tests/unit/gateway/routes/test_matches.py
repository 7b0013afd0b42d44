"""The records of two collections are matched, over HTTP, on real files."""

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest

from services.gateway.adapters.parquet_matching import KEPT, ParquetMatcher
from services.gateway.ports.matches import NoMatchingError
from tests.fakes.decision_book import FakeDecisionBook
from tests.unit.gateway.files import name_of, write_files
from tests.unit.gateway.in_process import client, serve_files

PATH = "/api/matches"
FIFTHS = [[5, 0], [4, 3], [3, 4], [0, 5], [-3, 4]]
"""Their cosines to the first axis are 1, 0.8, 0.6, 0 and -0.6, exactly."""


@dataclass
class Scene:
    """Two collections, and what was decided."""

    folder: Path
    book: FakeDecisionBook = field(default_factory=FakeDecisionBook)
    app: Any = None

    def write(self, name: str, vectors: Any, texts: list[str] | None = None, **more: Any) -> None:
        given = texts or [f"{name} {number}" for number in range(len(vectors))]
        write_files(self.folder / name, given, vectors, **more)

    async def ask(self, path: str = PATH, **query: Any) -> httpx.Response:
        self.app = self.app or serve_files(self.folder, decisions=self.book, max_body_bytes=65536)
        async with client(self.app) as http:
            return await http.get(path, params={"other": "second", **query})

    async def told(self, **query: Any) -> dict[str, Any]:
        answer = await self.ask(**query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def decide(self, wish: str, *pairs: dict[str, Any]) -> httpx.Response:
        body = {"decision": wish, "pairs": [{key: one[key] for key in KEYS} for one in pairs]}
        async with client(self.app) as http:
            return await http.post(f"{PATH}/decisions", params={"other": "second"}, json=body)


KEYS = ("id", "other_id", "texts")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    made.write("default", FIFTHS)
    made.write("second", [[1, 0]])
    return made


def counted(told: dict[str, Any]) -> list[int]:
    return [*told["counts"].values()]


def files_of(folder: Path) -> tuple[list[str], np.ndarray]:
    rows = pq.read_table(folder / "embeddings.parquet").to_pylist()
    wide = np.array([one["vector"] for one in rows], np.float64)
    return [one["id"] for one in rows], wide / np.linalg.norm(wide, axis=1)[:, np.newaxis]


async def test_each_record_has_the_nearest_that_plain_arithmetic_finds(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    scene = Scene(tmp_path)
    centres = random.normal(size=(40, 16))
    for name, count in (("default", 230), ("second", 310)):
        noise = random.normal(size=(count, 16)) * random.uniform(0.1, 2, (count, 1))
        near = centres[random.integers(0, 40, count)] + noise
        scene.write(name, near.astype(np.float32).tolist(), group_rows=37)

    told, found, after = dict[str, Any](), list[Any](), 0
    while after is not None:
        told = await scene.told(after=after, limit=97)
        found += told["items"]
        after = told["next_after"]

    (ids, own), (other_ids, others) = (files_of(tmp_path / one) for one in ("default", "second"))
    cosines = own @ others.T
    wanted = sorted(
        (-cosines[row].max(), ids[row], other_ids[cosines[row].argmax()]) for row in range(230)
    )
    assert [(one["id"], one["other_id"]) for one in found] == [one[1:] for one in wanted]
    assert [one["score"] for one in found] == pytest.approx([-one[0] for one in wanted], abs=1e-12)
    best = cosines.max(axis=1)
    linked, review = int((best >= 0.9).sum()), int(((best >= 0.7) & (best < 0.9)).sum())
    assert min(linked, review, 230 - linked - review) > 5  # so that each of them is something
    assert counted(told) == [linked, review, 230 - linked - review, 0, 0]
    assert (told["records"], told["other_records"], told["total"]) == (230, 310, 230)


async def test_a_score_of_exactly_a_limit_is_enough(scene: Scene) -> None:
    assert counted(await scene.told()) == [1, 1, 3, 0, 0]
    assert counted(await scene.told(link=0.8, review=0.6)) == [2, 1, 2, 0, 0]
    assert counted(await scene.told(link=1, review=0)) == [1, 3, 1, 0, 0]
    items = (await scene.told(link=0.8, review=0.6))["items"]
    assert [one["state"] for one in items] == ["linked", "linked", "review"] + ["unmatched"] * 2
    assert [one["score"] for one in items] == [1, 0.8, 0.6, 0, -0.6]
    assert (items[0]["text"], items[0]["other_text"]) == ("default 0", "second 0")


@pytest.mark.parametrize(
    "query",
    [{"link": 0.6}, {"link": 1.1}, {"review": -0.1}, {"link": "nan"}, {"other": "default"},
     {"state": "good"}, {"limit": 0}, {"ids": "no hash"}],
)  # fmt: skip
async def test_what_means_nothing_is_refused(scene: Scene, query: dict[str, Any]) -> None:
    assert (await scene.ask(**query)).status_code == 422


async def test_what_is_not_there_is_told(scene: Scene) -> None:
    nowhere = await scene.ask(other="nowhere")
    (scene.folder / "second" / "embeddings.parquet").unlink()
    unpublished = await scene.ask()

    assert (nowhere.status_code, unpublished.status_code) == (404, 404)
    assert "'nowhere'" in nowhere.json()["detail"]
    assert "vectors of 'second' are not published" in unpublished.json()["detail"]


async def test_vectors_of_other_dimensions_and_no_vectors_are_refused(scene: Scene) -> None:
    scene.write("second", [[1, 0, 0]])
    differs = await scene.ask()
    scene.write("second", [[1, 0]])
    empty = pq.read_table(scene.folder / "second" / "embeddings.parquet")[:0]
    pq.write_table(empty, scene.folder / "second" / "embeddings.parquet")
    logs = pq.read_table(scene.folder / "second" / "logs.parquet")[:0]
    pq.write_table(logs, scene.folder / "second" / "logs.parquet")
    none = await scene.ask()

    assert (differs.status_code, none.status_code) == (422, 422)
    assert "have 2 dimensions and those of 'second' 3" in differs.json()["detail"]
    assert "'second' has no records" in none.json()["detail"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [({"most_records": 4}, "up to 4 can be matched"), ({"most_pairs": 9}, "up to 9 are made")],
)
async def test_more_than_can_be_compared_is_refused_with_both_numbers(
    scene: Scene, limits: dict[str, int], words: str
) -> None:
    scene.write("second", [[1, 0], [0, 1]])
    with pytest.raises(NoMatchingError, match=words):
        await ParquetMatcher(scene.folder, **limits).match("default", "second")


@pytest.mark.parametrize("what", ["another version", "other ids", "fewer rows"])
async def test_files_of_two_snapshots_are_not_mixed(scene: Scene, what: str) -> None:
    file = scene.folder / "default" / "embeddings.parquet"
    rows = pq.read_table(file)
    if what == "another version":
        rows = rows.replace_schema_metadata({"mapstream.dataset_version": "2"})
    elif what == "other ids":
        rows = rows.take([1, 0, 2, 3, 4])
    else:
        rows = rows[:4]
    pq.write_table(rows, file)
    answer = await scene.ask()

    assert answer.status_code == 503
    assert "'default' are being replaced" in answer.json()["detail"]


async def test_a_result_is_kept_until_a_file_is_another(scene: Scene) -> None:
    matcher = ParquetMatcher(scene.folder)
    first = await matcher.match("default", "second")
    for number in range(KEPT - 1):
        scene.write(f"more-{number}", [[1, 0]])
        await matcher.match("default", f"more-{number}")
    assert await matcher.match("default", "second") is first
    scene.write("second", [[0, 1]])
    second = await matcher.match("default", "second")

    assert second.scores.tolist() == [1, 0.8, 0.8, 0.6, 0]
    async with matcher._turn:  # others are compared meanwhile
        assert await matcher.match("default", "second") is second


async def test_pages_go_by_the_place_of_a_pair_whatever_is_decided_between(scene: Scene) -> None:
    first = await scene.told(review=0, state="review", limit=1)
    assert (first["total"], first["items"][0]["score"]) == (3, 0.8)
    await scene.decide("accept", *first["items"])
    second = await scene.told(review=0, state="review", limit=1, after=first["next_after"])
    third = await scene.told(review=0, state="review", limit=1, after=second["next_after"])

    assert [one["items"][0]["score"] for one in (second, third)] == [0.6, 0]
    assert (second["total"], third["next_after"]) == (2, None)


async def test_what_is_decided_holds_whatever_the_limits_until_it_is_taken_back(
    scene: Scene,
) -> None:
    items = (await scene.told())["items"]
    done = (await scene.decide("accept", items[3], items[1])).json()["items"]
    again = (await scene.decide("accept", items[1])).json()["items"]
    await scene.decide("reject", items[0])
    told = await scene.told(link=1, review=1)

    assert [one["outcome"] for one in done] == ["decided", "decided"]
    assert (again[0]["outcome"], again[0]["decided"]) == ("unchanged", done[1]["decided"])
    assert counted(told) == [0, 0, 2, 2, 1]
    assert [one["state"] for one in told["items"]] == [
        "rejected", "accepted", "unmatched", "accepted", "unmatched",
    ]  # fmt: skip
    assert told["items"][1]["decided"] == done[1]["decided"]
    assert done[1]["decided"]["by"] == "anybody"
    undone = (await scene.decide("undo", items[1])).json()["items"]
    assert (undone[0]["outcome"], undone[0]["decided"]) == ("decided", None)
    assert counted(await scene.told()) == [0, 1, 2, 1, 1]


async def test_a_decision_holds_through_a_refit_and_not_for_another_text_or_pair(
    scene: Scene,
) -> None:
    items = (await scene.told())["items"]
    await scene.decide("accept", *items[:3])
    scene.write("default", FIFTHS)  # written anew, as after a refit
    assert counted(await scene.told()) == [0, 0, 2, 3, 0]
    scene.write("default", FIFTHS, ["default 0", "another text", *"cde"])
    told = await scene.told()
    assert counted(told) == [0, 1, 3, 1, 0]
    assert told["unused_decisions"] == 2
    refused = (await scene.decide("reject", items[1])).json()["items"]
    assert (refused[0]["outcome"], "look at it again" in refused[0]["reason"]) == ("refused", True)
    scene.write("second", [[0, 1], [1, 0]], ["new", "second 0"])  # another is nearest by now

    assert counted(await scene.told()) == [2, 3, 0, 0, 0]
    assert (await scene.told())["unused_decisions"] == 3


async def test_of_several_pairs_only_those_that_cannot_be_decided_are_refused(
    scene: Scene,
) -> None:
    items = (await scene.told())["items"]
    gone = items[1] | {"id": "ff"}, items[1] | {"other_id": "ff"}
    done = (await scene.decide("reject", gone[0], items[1], gone[1])).json()["items"]

    assert [one["outcome"] for one in done] == ["refused", "decided", "refused"]
    assert [one["id"] for one in done] == ["ff", items[1]["id"], items[1]["id"]]
    assert "'ff' in 'default'" in done[0]["reason"]
    assert "'ff' in 'second'" in done[2]["reason"]
    scene.book.refuses = "nobody serves it"
    assert (await scene.decide("reject", items[1])).status_code == 422
    assert (await scene.decide("perhaps", items[1])).status_code == 422
    assert (await scene.decide("reject")).status_code == 422


async def test_some_records_can_be_asked_for(scene: Scene) -> None:
    told = await scene.told(ids=f"{name_of(3)},{name_of(1)},ff")
    assert [one["id"] for one in told["items"]] == [name_of(1), name_of(3)]
    assert (told["total"], sum(counted(told))) == (2, 5)


async def test_pairs_are_written_as_a_file_with_whole_texts_that_no_program_runs(
    scene: Scene,
) -> None:
    long = "x" * 1000
    scene.write("default", FIFTHS, ["=cmd()", 'a "b", c\nd', "\uff1d1", "+", long])
    items = (await scene.told())["items"]
    await scene.decide("accept", items[2])
    answer = await scene.ask(f"{PATH}/export")
    lines = await scene.ask(f"{PATH}/export", format="jsonl", state="unmatched")

    assert answer.headers["content-disposition"] == 'attachment; filename="default-second.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    texts = ["'=cmd()", 'a "b", c\nd', "'\uff1d1", "'+", long]
    assert [one["text"] for one in rows] == texts
    assert [float(one["score"]) for one in rows] == [1, 0.8, 0.6, 0, -0.6]
    assert [one["state"] for one in rows] == [
        "linked", "review", "accepted", "unmatched", "unmatched",
    ]  # fmt: skip
    assert [one["decided_by"] for one in rows] == ["", "", "anybody", "", ""]
    told = [json.loads(line) for line in lines.text.splitlines()]
    assert [(one["id"], one["text"]) for one in told] == [(name_of(3), "+"), (name_of(4), long)]
    assert (await scene.ask(f"{PATH}/export", other="default")).status_code == 422
