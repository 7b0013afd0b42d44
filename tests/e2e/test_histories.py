"""A state that is lost, old or another's is mended or refused, and never passed over in silence.

What the map holds in the end is compared with the sources, read in the plainest way.
"""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.cli.commands import verify
from tests.e2e.damages import verified
from tests.e2e.local_run import (
    Finished,
    check_coordinates,
    expected_records,
    rows,
    run_once,
    write_source,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
REFUSED = 2


@dataclass(frozen=True)
class Maps:
    sources: Path
    today: Path
    yesterday: Path
    others: Path
    """Of another installation, with sources of the same names."""


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Maps:
    """Three sources; one is replaced and one comes in between yesterday and today."""
    folder = tmp_path_factory.mktemp("histories")
    made = Maps(folder / "runs", folder / "today", folder / "yesterday", folder / "others")
    write_source(folder / "elsewhere" / "a.jsonl", 7, "somebody else")
    write_source(folder / "elsewhere" / "b.jsonl", 5, "somebody else")
    assert asyncio.run(run_once(folder / "elsewhere", made.others)).code == 0
    write_source(made.sources / "a.jsonl", 7, "first")
    write_source(made.sources / "b.jsonl", 5, "steady")
    assert asyncio.run(run_once(made.sources, made.today)).code == 0
    shutil.copytree(made.today, made.yesterday)
    write_source(made.sources / "a.jsonl", 6, "second")
    write_source(made.sources / "c.jsonl", 20, "late")
    assert asyncio.run(run_once(made.sources, made.today)).code == 0
    return made


@pytest.fixture
def output(maps: Maps, tmp_path: Path) -> Path:
    shutil.copytree(maps.today, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def sources(maps: Maps, tmp_path: Path) -> Path:
    """What is there since: one source is replaced once more, and one is new."""
    shutil.copytree(maps.sources, tmp_path / "runs")
    write_source(tmp_path / "runs" / "a.jsonl", 9, "third")
    write_source(tmp_path / "runs" / "d.jsonl", 4, "last")
    return tmp_path / "runs"


def replace(output: Path, other: Path | None, *parts: str) -> None:
    """Remove parts of a map, or put those of another one in their place."""
    for part in parts:
        shutil.rmtree(output / part)
        if other is not None:
            shutil.copytree(other / part, output / part)


async def check_whole(
    done: Finished, sources: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every record of the sources is on the map once, and all owners agree."""
    assert done.code == 0, done.text
    found = [(row["id"], row["text"]) for row in rows(output)]
    assert len(found) == len(dict(found))
    assert dict(found) == expected_records(sources)
    check_coordinates(output)
    code, told = await verified(output, capsys)
    assert (code, told["differences"]) == (verify.EQUAL, [])


def log_of(output: Path, service: str) -> str:
    logs = output / "state" / "logs"
    return "".join(file.read_text() for file in logs.glob(f"{service}*"))


LEDGER, MOMENTS, BUS, MAP = "state/discovery", "state/projection", "state/nats", "default"


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param((BUS,), marks=pytest.mark.slow),
        pytest.param((BUS, MOMENTS), marks=pytest.mark.slow),
        (MOMENTS,),
        pytest.param((LEDGER,), marks=pytest.mark.slow),
        (BUS, LEDGER, MOMENTS),
    ],
    ids=lambda lost: "+".join(part.rpartition("/")[2] for part in lost),
)
async def test_what_is_lost_is_made_again_from_the_dataset(
    lost: tuple[str, ...], sources: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = check_coordinates(output).version
    replace(output, None, *lost)

    done = await run_once(sources, output)

    await check_whole(done, sources, output, capsys)
    assert check_coordinates(output).version > model
    assert ("state.made_again" in log_of(output, "projection")) == (MOMENTS in lost)
    assert ("ledger.took_over" in log_of(output, "discovery")) == (LEDGER in lost)


async def test_moments_of_yesterday_are_made_again_from_the_dataset(
    maps: Maps, sources: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(output, maps.yesterday, MOMENTS)

    done = await run_once(sources, output)

    await check_whole(done, sources, output, capsys)
    assert "state.made_again" in log_of(output, "projection")


Damage = Callable[[Path, Maps], None]


def lose_the_map(output: Path, _: Maps) -> None:
    replace(output, None, MAP)


def bring_the_map_of_yesterday(output: Path, maps: Maps) -> None:
    replace(output, maps.yesterday, MAP)


def bring_the_ledger_of_yesterday(output: Path, maps: Maps) -> None:
    replace(output, maps.yesterday, LEDGER)


def bring_the_ledger_of_others(output: Path, maps: Maps) -> None:
    replace(output, maps.others, LEDGER)


def bring_the_moments_of_others(output: Path, maps: Maps) -> None:
    replace(output, maps.others, MOMENTS)


def bring_the_map_of_others(output: Path, maps: Maps) -> None:
    replace(output, maps.others, MAP)


WHY: dict[Damage, str] = {
    lose_the_map: "the dataset begins anew, and it does not",
    bring_the_map_of_yesterday: "the dataset is older than the one that it knows",
    bring_the_ledger_of_yesterday: "it is older than the one that the dataset knows",
    bring_the_ledger_of_others: "the dataset is not the one that it knows",
    bring_the_moments_of_others: "the dataset is not the one that it knows",
    bring_the_map_of_others: "the dataset is not the one that it knows",
}


SLOW = (
    bring_the_map_of_yesterday,
    bring_the_ledger_of_yesterday,
    bring_the_ledger_of_others,
    bring_the_map_of_others,
)


@pytest.mark.parametrize(
    "damage",
    [pytest.param(one, marks=pytest.mark.slow if one in SLOW else ()) for one in WHY],
    ids=lambda one: one.__name__,
)
async def test_what_nobody_can_decide_is_refused_and_mended_on_request(
    damage: Damage,
    maps: Maps,
    sources: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also after the services ran on it: what they sent meanwhile does not come to the map."""
    damage(output, maps)
    before = sorted(row["id"] + row["text"] for row in rows(output))

    refused = await run_once(sources, output)

    assert refused.code == REFUSED, refused.text
    assert WHY[damage] in refused.text
    assert "mapstream verify --repair" in refused.text
    assert sorted(row["id"] + row["text"] for row in rows(output)) == before
    code, told = await verified(output, capsys, is_repair=True)
    # What was sent before it was refused is on its way; it may have been nothing yet.
    assert code in {verify.NOT_AT_REST, verify.EQUAL}
    assert told["by_hand"] == []
    await check_whole(await run_once(sources, output), sources, output, capsys)


def forget_histories(output: Path) -> None:
    """Make it a map of a program that knew nothing of histories."""
    (output / MAP / "history.json").unlink()
    for owner in ("discovery", "projection"):
        with closing(sqlite3.connect(output / "state" / owner / f"{owner}.sqlite")) as db, db:
            db.execute("DROP TABLE histories")


def history(output: Path, owner: str) -> Any:
    with closing(sqlite3.connect(output / "state" / owner / f"{owner}.sqlite")) as db:
        ((document,),) = db.execute("SELECT document FROM histories").fetchall()
    return json.loads(document)


async def test_a_map_of_before_learns_its_history_once_and_together(
    sources: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_histories(output)
    assert (await verified(output, capsys))[0] == verify.EQUAL

    done = await run_once(sources, output)

    await check_whole(done, sources, output, capsys)
    dataset = json.loads((output / MAP / "history.json").read_text())
    for owner in ("discovery", "projection"):
        assert history(output, owner)["remembered"]["writing"]["history"] == dataset["id"]
        assert dataset["remembered"][owner]["history"] == history(output, owner)["id"]
    assert "made_again" not in log_of(output, "projection")
    assert "took_over" not in log_of(output, "discovery")


@pytest.mark.parametrize("owner", ["discovery", "projection"])
async def test_a_crash_before_an_owner_has_noted_the_dataset_does_no_harm(
    owner: str, sources: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dataset notes the owner first: then the owner does not know it yet."""
    document = history(output, owner) | {"remembered": {}}
    with closing(sqlite3.connect(output / "state" / owner / f"{owner}.sqlite")) as db, db:
        db.execute("UPDATE histories SET document = ?", (json.dumps(document),))

    done = await run_once(sources, output)

    await check_whole(done, sources, output, capsys)
    logs = log_of(output, "discovery") + log_of(output, "projection")
    assert not {one for one in ("took_over", "made_again") if one in logs}
