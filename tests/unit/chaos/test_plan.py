"""The harness keeps what it promises: the same faults again, and none is left out."""

import json
from pathlib import Path

import numpy as np
import pytest

from services.embedding.adapters.openai_embedder import read_answer
from services.embedding.ports import TextsRejectedError
from shared.failpoints import Failpoint
from tests.chaos.faults import Account
from tests.chaos.inputs import Inputs, held_by
from tests.chaos.pair_report import SEEDS, matrix_of, seeds_of
from tests.chaos.pairs import EVENTS
from tests.chaos.plan import ELSEWHERE, FAILPOINTS, Fault, deck, draw
from tests.chaos.proxy import spoil
from tests.chaos.report import render
from tests.chaos.run import broken_promises, possible
from tests.chaos.world import Disk
from tests.chaos.wrong import ROOT, Mutation, mutations


def test_the_seed_determines_the_faults() -> None:
    assert draw(7, 300) == draw(7, 300)
    assert draw(7, 300) != draw(8, 300)
    assert draw(7, 300)[:50] == draw(7, 50)


def test_no_fault_is_left_out() -> None:
    cards = deck()

    drawn = draw(3, len(cards))

    assert sorted((one.kind, one.target) for one in drawn) == sorted(cards)


def test_every_failpoint_is_aimed_at() -> None:
    assert {point for _, point in (*FAILPOINTS, *ELSEWHERE)} == set(Failpoint)


def test_every_failpoint_is_reached_somewhere() -> None:
    sources = [path.read_text() for top in ("services", "shared") for path in
               (ROOT / top).rglob("*.py")]  # fmt: skip

    missing = [
        point.name
        for point in Failpoint
        if not any(f"reached(Failpoint.{point.name})" in text for text in sources)
    ]

    assert missing == []


@pytest.mark.parametrize("mutation", mutations(), ids=lambda one: one.name)
def test_the_faults_that_a_wrong_program_needs_exist(mutation: Mutation) -> None:
    for name in mutation.faults:
        assert draw(1, mutation.count, [name])


def test_the_expected_records_are_read_from_the_files(tmp_path: Path) -> None:
    inputs = Inputs(tmp_path, seed=1)
    name = inputs.add(3)
    bad, poison = inputs.apply("bad-lines"), inputs.apply("poison")
    begun = inputs.apply("begin")

    expected = inputs.expected()

    assert set(expected) == {name, bad, poison}
    assert len(expected[name].texts) == 3
    assert expected[str(bad)].bad_lines >= 1
    assert len(expected[str(poison)].poisoned) == 1
    assert held_by(tmp_path / str(begun), str(begun)) is None


@pytest.mark.parametrize("answer", ["truncated", "nan", "wrong-dimension", "well"])
def test_an_answer_is_spoiled_as_told(answer: str) -> None:
    good = {"data": [{"index": 0, "embedding": "AACAPwAAAEA="}]}

    content = spoil(answer, json.dumps(good).encode())

    if answer == "truncated":
        with pytest.raises(TextsRejectedError):
            read_answer(content, 1)
        return
    vectors = read_answer(content, 1).vectors
    assert vectors.shape == (1, 3 if answer == "wrong-dimension" else 2)
    assert np.isnan(vectors).any() == (answer == "nan")


def test_a_deviation_is_not_hidden_by_the_report() -> None:
    result = {
        "seed": 1, "faults": 2, "injected": 1, "records": 9, "sources": 3, "quiet_points": 1,
        "reads": 5, "seconds": 60, "models_seen_by_the_reader": 2, "spoiled_answers": 0,
        "by_fault": {"kill writing": {"requested": 2, "injected": 1},
                     "cut writing:before-rename": {"requested": 3, "injected": 2}},
        "only": ["kill"], "minutes": 2.5,
        "skipped": {"kill writing": "it had just ended"}, "problems": ["2 records are lost"],
    }  # fmt: skip

    text = render("", results=[result])

    assert "1 faults, 1 deviations" in text
    assert 'make chaos SEED=1 FAULTS=2 ARGS="--only kill --minutes 2.5"' in text
    assert "2 records are lost" in text
    assert "it had just ended" in text
    assert "| before-rename | writing | 3 | 2 |" in text
    assert render(text) == text


def test_what_no_result_is_given_of_stays_in_the_report() -> None:
    old = "# x\n\n## Would it notice?\n\na table\n\n## Which faults\n\nothers\n"

    text = render(old)

    assert "## Would it notice?\n\na table\n" in text
    assert "## Which faults\n\nothers\n" in text
    assert render(text) == text


def test_every_run_says_what_it_found(tmp_path: Path) -> None:
    (tmp_path / "seeds.toml").write_text(
        '[[run]]\ncommand = "make chaos SEED=5"\nday = 2026-01-02\n'
        'done = "7 faults"\nfound = "x|y"\n'
    )

    text = "\n".join(seeds_of(tmp_path / "seeds.toml"))

    assert "| `make chaos SEED=5` | 2026-01-02 | 7 faults | x/y |" in text
    assert "SEED=21" in "\n".join(seeds_of(SEEDS))


def test_a_fault_that_is_not_possible_here_is_not_promised(tmp_path: Path) -> None:
    disks = {"output": Disk(tmp_path, 1, "no right to mount"), "state": Disk(tmp_path, 1)}
    faults = [
        Fault("disk-full", "output"),
        Fault("disk-full", "state"),
        Fault("kill", "writing"),
        Fault("disk-full-and-kill", "writing"),
        Fault("disk-full-and-kill", "projection"),
    ]

    left, why_not = possible(faults, disks)

    assert [one.name for one in left] == [
        "disk-full state", "kill writing", "disk-full-and-kill projection",
    ]  # fmt: skip
    assert why_not == dict.fromkeys(
        ["disk-full output", "disk-full-and-kill writing"], "no right to mount"
    )


def test_a_promise_that_was_not_kept_is_a_deviation() -> None:
    account = Account(skipped={"kill writing": "it never ran"})

    assert broken_promises(account) == [
        "kill writing was promised and did not take place: it never ran"
    ]
    assert broken_promises(Account()) == []


def test_the_matrix_of_runs_shows_what_came_what_did_not_and_what_was_left_out() -> None:
    run = {
        "command": "--seed 1", "events": 4, "worlds": 1, "sources": 9, "quiet_points": 1,
        "versions_opened": 3, "seconds": 60, "left_out": ["kill > kill"],
        "matrix": {"kill": {"stop": 2}},
        "deviations": [{"said": ["rows: 1 row missing", "moments: 1 counted"]}],
    }  # fmt: skip

    lines = list(matrix_of([run, run]))

    row = next(line for line in lines if " kill |" in line).strip("| ").split(" | ")
    cells = dict(zip(EVENTS, row[1:], strict=True))
    assert (cells["kill"], cells["stop"], cells["away"]) == ("-", "4", "0")
    assert sum("rows: 1 row missing" in line for line in lines) == 2
