"""The run of wrong programs says when one of them is not noticed, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.wrong import ROOT, Mutation, edited, mutations, page, stale
from tests.waiting import PATIENCE_S

PROGRAM = {
    "services/__init__.py": "",
    "services/sums.py": "def add(a, b):\n    return a + b\n",
    "tests/unit/test_sums.py": (
        "from pathlib import Path\n"
        "from time import sleep\n"
        "from services.sums import add\n"
        "def test_the_sum():\n    assert add(2, 3) == 5\n"
        "def test_the_order():\n    assert add(2, 3) == add(3, 2)\n"
        "def test_that_takes_long():\n    Path('../begun').touch()\n    sleep(600)\n"
    ),
    "tests/chaos/protections.toml": "",
}
WRONG = """
[[file]]
path = "services/sums.py"
[[file.mutants]]
name = "the wrong sum"
old = "a + b"
new = "{new}"
tests = ["tests/unit/test_sums.py::{test}"]
"""
HARMLESS = """
[[file.mutants]]
name = "the other order"
old = "a + b"
new = "b + a"
tests = ["tests/unit/test_sums.py"]
harmless = "a sum has no order"
"""


class Tried:
    """A small program, one change of it, and what the command says of that."""

    def __init__(self, folder: Path, new: str, test: str, more: str = "") -> None:
        self.scratch = folder / "scratch"
        files = PROGRAM | {"tests/chaos/mutants.toml": WRONG.format(new=new, test=test) + more}
        for name, text in files.items():
            path = folder / "program" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.scratch.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.mutations", "--root", str(folder / "program")],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(self.scratch)},
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


@pytest.mark.parametrize(
    ("new", "test", "more", "says"),
    [
        ("a * b", "test_the_order", "", "SURVIVED"),
        ("a + b + 1", "test_the_sum", 'harmless = "none"', "called harmless, but is noticed"),
        ("a +", "test_the_sum", "", "invalid syntax"),
        ("a - b", "test_the_summ", "", "there is no test"),
    ],
)
def test_a_run_fails_when_an_entry_is_not_as_it_should_be(
    tmp_path: Path, new: str, test: str, more: str, says: str
) -> None:
    tried = Tried(tmp_path, new, test, more)

    code, told = tried.result()

    assert code == 1
    assert says in told
    assert list(tried.scratch.iterdir()) == []


def test_a_run_is_well_when_all_is_noticed_that_has_to_be(tmp_path: Path) -> None:
    tried = Tried(tmp_path, "a * b", "test_the_sum", HARMLESS.replace(".py", ".py::test_the_sum"))

    code, told = tried.result()

    assert (code, told.count("as it should be")) == (0, 3), told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    tried = Tried(tmp_path, "a * b", "test_that_takes_long")
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


def test_the_page_tells_what_the_run_will_try() -> None:
    assert (ROOT / "docs" / "mutations.md").read_text() == page(mutations()), "make readme"
