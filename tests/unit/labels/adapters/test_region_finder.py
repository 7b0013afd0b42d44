"""Maps that were written by hand: which regions they have, and what stays of them."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.labels.adapters.process_region_finder import ProcessRegionFinder
from services.labels.adapters.scikit_learn_regions import find_regions
from services.labels.domain.enough import Shown
from services.labels.domain.regions import Before
from services.labels.ports import Found
from shared.errors import TransientError
from tests.waiting import PATIENCE_S

TOPICS = {
    (0.0, 0.0): "refund card payment",
    (10.0, 0.0): "parser token grammar",
    (0.0, 10.0): "возврат карта оплата",
    (10.0, 10.0): "self return_value import_module",
}
FILLING = {
    "refund card payment": "the and with for was this",
    "parser token grammar": "the and with for was this",
    "возврат карта оплата": "что это для как или",
    "self return_value import_module": "self",
}


def write_map(
    file: Path, counts: dict[tuple[float, float], int], *, turned: float = 0.0, model: int = 1
) -> dict[str, str]:
    """Write a map of topics around their places; returns the topic of each id."""
    rng = np.random.default_rng(3)
    rows, topics = [], {}
    for place, count in counts.items():
        own, filling = TOPICS[place].split(), FILLING[TOPICS[place]].split()
        for number in range(count):
            key = hashlib.sha256(f"{place}{number}".encode()).hexdigest()
            topics[key[:12]] = TOPICS[place]
            text = " ".join([*rng.choice(own, 2, replace=False), *rng.choice(filling, 6)])
            rows.append((key, f'{{"say": "{text}", "ok": true}}', place))
    turn = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    points = np.array([one[2] for one in rows]) @ turn + rng.normal(0, 0.5, (len(rows), 2))
    table = pa.table(
        {
            "id": [one[0] for one in rows],
            "projection_x": points[:, 0].astype(np.float32),
            "projection_y": points[:, 1].astype(np.float32),
            "text": [one[1] for one in rows],
        }
    )
    marks = {"dataset_version": "7", "model_version": str(model), "records": str(len(rows))}
    pq.write_table(
        table.replace_schema_metadata({f"mapstream.{k}": v for k, v in marks.items()}), file
    )
    return topics


def as_before(found: Found) -> list[Before]:
    return [
        Before(one.region, one.words, frozenset(one.members), one.share) for one in found.regions
    ]


def by_topic(found: Found, topics: dict[str, str]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Say for each topic the number and the name of the region that has its records."""
    told = {}
    for one in found.regions:
        of = {topics[member] for member in one.members}
        assert len(of) == 1
        told[of.pop()] = (one.region, one.words)
    return told


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "one").mkdir()
    return tmp_path / "one" / "logs.parquet"


def test_regions_are_named_by_what_is_said_there_in_each_language(file: Path) -> None:
    topics = write_map(file, dict.fromkeys(TOPICS, 60))

    found = find_regions(file, [], 0)

    assert found.shown == Shown(7, 1, 240)
    told = by_topic(found, topics)
    assert set(told) == set(TOPICS.values())
    for topic, (_, words) in told.items():
        assert set(words) <= set(topic.split())
        assert words
    assert sum(one.share for one in found.regions) == pytest.approx(1)


def test_no_region_is_named_by_what_a_table_says_in_every_row(file: Path) -> None:
    write_map(file, dict.fromkeys(TOPICS, 60))
    table, topic = pq.read_table(file), TOPICS[0.0, 0.0]
    texts = [
        f"Note: {topic} {number}\nOpen: False\nState: active"
        if any(word in text for word in topic.split())
        else text
        for number, text in enumerate(table.column("text").to_pylist())
    ]
    column = table.schema.get_field_index("text")
    pq.write_table(table.set_column(column, "text", pa.array(texts)), file)

    names = [one.words for one in find_regions(file, [], 0).regions]

    assert any(set(one) <= {"refund", "card", "payment"} for one in names if one)
    assert not any({"false", "active"} & set(one) for one in names)


def test_regions_keep_number_and_name_when_a_refit_turns_the_map_and_it_grows(file: Path) -> None:
    topics = write_map(file, dict.fromkeys(TOPICS, 60))
    first = find_regions(file, [], 0)

    topics |= write_map(file, dict.fromkeys(TOPICS, 75), turned=2.0, model=2)
    second = find_regions(file, as_before(first), first.last_region)

    assert by_topic(second, topics) == by_topic(first, topics)
    assert second.last_region == first.last_region


def test_a_new_region_gets_a_number_that_no_other_ever_had(file: Path) -> None:
    counts = dict.fromkeys(TOPICS, 60)
    last = [*counts][-1]
    topics = write_map(file, {one: count for one, count in counts.items() if one != last})
    first = find_regions(file, [], 20)

    topics |= write_map(file, counts)
    second = find_regions(file, as_before(first), first.last_region)

    old, new = by_topic(first, topics), by_topic(second, topics)
    assert {one: new[one] for one in old} == old
    assert new[TOPICS[last]][0] > first.last_region


def test_a_small_map_has_no_regions(file: Path) -> None:
    write_map(file, {(0.0, 0.0): 49})

    assert find_regions(file, [], 3).regions == ()


async def test_a_process_finds_the_same_and_ends(file: Path) -> None:
    write_map(file, dict.fromkeys(TOPICS, 60))
    finder = ProcessRegionFinder(file.parents[1], memory_mb=2048, patience_s=PATIENCE_S)

    found = await finder.find("one", [], 0)

    here = find_regions(file, [], 0)
    assert found.regions == here.regions
    assert found.shown == here.shown
    assert found.cpu_s > 0


@pytest.mark.parametrize("limits", [{"patience_s": PATIENCE_S}, {"patience_s": 0.01}])
async def test_what_cannot_be_looked_at_is_said(file: Path, limits: dict[str, float]) -> None:
    file.write_bytes(b"no file of Arrow")
    finder = ProcessRegionFinder(file.parents[1], memory_mb=2048, **limits)

    with pytest.raises(TransientError):
        await finder.find("one", [], 0)
