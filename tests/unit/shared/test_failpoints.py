import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shared.failpoints import VARIABLE, Failpoint

CODE = """
from shared.failpoints import Failpoint, reached
reached(Failpoint.COMMITTED)
print("went on")
"""


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False
    )


def test_an_armed_point_ends_the_process_once(tmp_path: Path) -> None:
    (tmp_path / Failpoint.COMMITTED).touch()

    cut, again = run({VARIABLE: str(tmp_path)}), run({VARIABLE: str(tmp_path)})

    assert (cut.returncode, cut.stdout) == (-signal.SIGKILL, "")
    assert Failpoint.COMMITTED in cut.stderr
    assert (again.returncode, again.stdout) == (0, "went on\n")


@pytest.mark.parametrize("armed", ["another point", "no folder", "not asked for"])
def test_a_process_goes_on_otherwise(tmp_path: Path, armed: str) -> None:
    (tmp_path / Failpoint.PUBLISHED).touch()
    environment = {
        "another point": {VARIABLE: str(tmp_path)},
        "no folder": {VARIABLE: str(tmp_path / "nothing")},
        "not asked for": {},
    }[armed]

    assert run(environment).stdout == "went on\n"
