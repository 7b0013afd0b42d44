"""The run of wrong programs says when one of them is not noticed, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.wrong import ROOT, Mutation, edited, misplaced, mutations, page, stale
from tests.waiting import PATIENCE_S

SUMS = "tests/unit/test_sums.py"
SUM = "def add(a, b):\n    return a + b\n"
PROGRAM = {
    "services/__init__.py": "",
    SUMS: """
from pathlib import Path
from time import sleep
from services.sums import add

def test_the_sum():
    assert add(2, 3) == 5

def test_the_order():
    assert add(2, 3) == add(3, 2)

def test_that_counts_down():
    left = 5
    while left:
        left = add(left, -1)

def test_that_takes_long():
    Path("../begun").touch()
    sleep(600)
""",
    "tests/chaos/protections.toml": "",
}


def wrong(new: str, test: str, harmless: str = "") -> str:
    """Write an entry that has the name of what stands there instead."""
    said = {"name": new, "old": "a + b", "new": new, "tests": [f"{SUMS}{test}"]}
    if harmless:
        said["harmless"] = harmless
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in said.items())
    return "[[file.mutants]]\n" + "".join(lines)


class Tried:
    """A small program, some changes of it, and what the command says of those."""

    def __init__(self, folder: Path, *entries: str, sums: str = SUM) -> None:
        self.scratch = folder / "scratch"
        table = '[[file]]\npath = "services/sums.py"\n' + "".join(entries)
        more = {"services/sums.py": sums, "tests/chaos/mutants/services.toml": table}
        for name, text in (PROGRAM | more).items():
            path = folder / "program" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.scratch.mkdir()
        program = ("--root", str(folder / "program"), "--hangs", "2")
        # This program's tests need none of the plugins that take most of their time to load.
        told = {"TMPDIR": str(self.scratch), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.mutations", *program],
            cwd=ROOT,
            env=os.environ | told,
            stdout=subprocess.PIPE,
            text=True,
        )

    def result(self) -> tuple[int, str]:
        told, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, told

    def until(self, is_so: Callable[[], bool]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < end_s
            assert self.process.poll() is None
            time.sleep(0.05)


SAID = {
    wrong("a * b", "::test_the_sum"): f"as it should be FAILED {SUMS}::test_the_sum",
    wrong("b - a", "::test_the_sum"): f"as it should be FAILED {SUMS}::test_the_sum",
    wrong("a + abs(b)", "::test_that_counts_down"): (
        f"as it should be HUNG {SUMS}::test_that_counts_down"
    ),
    wrong("__import__('os')._exit(7)", "::test_the_sum"): (
        f"as it should be ENDED PYTEST with 7 {SUMS}::test_the_sum"
    ),
    wrong("__import__('signal').raise_signal(2)", "::test_the_order"): (
        f"as it should be ENDED PYTEST with 2 {SUMS}::test_the_order"
    ),
    wrong("b + a", "::test_the_sum", harmless="a sum has no order"): "as it should be",
}
NOT_WELL = {
    wrong("b * a", "::test_the_order"): "SURVIVED",
    wrong("a + b + 1", "::test_the_sum", harmless="none"): "called harmless, but is noticed",
    wrong("a\n\nimport it_is_not_there", "::test_the_sum"): "could not be tried",
}


@pytest.mark.parametrize(("all_said", "code"), [(SAID, 0), (NOT_WELL, 1)])
def test_a_run_says_of_each_whether_it_is_as_it_should_be(
    tmp_path: Path, all_said: dict[str, str], code: int
) -> None:
    tried = Tried(tmp_path, *all_said)

    ended_with, told = tried.result()

    assert ended_with == code, told
    assert "nothing changed: as it should be" in told
    for entry, says in all_said.items():
        assert f"{_name(entry)}: {says}" in told
    assert list(tried.scratch.iterdir()) == []


def _name(entry: str) -> str:
    return str(tomllib.loads(entry)["file"]["mutants"][0]["name"])


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (wrong("a +", "::test_the_sum"), "invalid syntax"),
        (wrong("a - b", "::test_the_summ"), "there is no test"),
    ],
)
def test_what_does_not_fit_the_program_is_not_even_tried(
    tmp_path: Path, entry: str, says: str
) -> None:
    code, told = Tried(tmp_path, entry).result()

    assert code == 1
    assert says in told
    assert "nothing changed" not in told


def test_if_the_program_as_it_is_ends_pytest_that_tells_nothing(tmp_path: Path) -> None:
    ends = "def add(a, b):\n    __import__('os')._exit(a + b)\n"
    tried = Tried(tmp_path, wrong("a - b", "::test_the_sum"), sums=ends)

    code, told = tried.result()

    assert code == 1
    assert told.count("could not be tried") == 2, told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    tried = Tried(tmp_path, wrong("a * b", "::test_that_takes_long"))
    tried.until(lambda: any(tried.scratch.glob("*/begun")))
    (child,) = _children(tried.process.pid)

    tried.process.send_signal(number)
    code, _ = tried.result()

    assert code != 0
    assert list(tried.scratch.iterdir()) == []
    assert not Path(f"/proc/{child}").exists()


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("mutation", mutations(), ids=lambda one: one.name)
def test_an_entry_fits_the_program_and_leaves_a_program(mutation: Mutation) -> None:
    assert list(stale(ROOT, mutation)) == []
    assert edited(ROOT, mutation.edits) != {}


def test_every_entry_has_a_name_of_its_own_and_somebody_who_notices() -> None:
    every = mutations()

    assert len({one.name for one in every}) == len(every)
    assert [one.name for one in every if not (one.tests or one.faults)] == []


def test_every_file_of_the_program_stands_where_one_looks_for_it() -> None:
    assert list(misplaced()) == []


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (["services/sums.py", "services/terms.py"], []),
        (["services/terms.py", "services/sums.py"], ["services.toml names each file once"]),
        (["services/sums.py", "services/sums.py"], ["services.toml names each file once"]),
        (["services/sums.py", "shared/sums.py"], ["shared/sums.py belongs to", "mutants/shared"]),
    ],
)
def test_what_stands_elsewhere_or_twice_is_told(
    tmp_path: Path, paths: list[str], says: list[str]
) -> None:
    file = tmp_path / "tests/chaos/mutants/services.toml"
    file.parent.mkdir(parents=True)
    file.write_text("".join(f'[[file]]\npath = "{one}"\n' for one in paths))

    told = " ".join(misplaced(tmp_path))

    assert bool(told) == bool(says)
    assert all(one in told for one in says)


def test_the_page_tells_what_the_run_will_try() -> None:
    assert (ROOT / "docs" / "mutations.md").read_text() == page(mutations()), "make readme"
