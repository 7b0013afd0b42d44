"""The point between a retraction and its commit is reached only if something was retracted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from shared.failpoints import VARIABLE, Failpoint

WRITE = """
import asyncio
from tests.fakes.dataset_store import FakeDatasetStore, FakeModelArchive
from tests.unit.writing.scenes import model, piece, write

async def main():
    store, models = FakeDatasetStore(), FakeModelArchive(model(1))
    await write(piece("a", 1), store=store, models=models)
    print("appended", flush=True)
    await write(piece("a", 2), store=store, models=models)
    print("replaced", flush=True)

asyncio.run(main())
"""


def test_an_append_does_not_come_there_and_a_replacement_does(tmp_path: Path) -> None:
    (tmp_path / Failpoint.RETRACTED).touch()
    root = str(Path(__file__).parents[3])
    environment = os.environ | {VARIABLE: str(tmp_path), "PYTHONPATH": root}

    ended = subprocess.run(
        [sys.executable, "-c", WRITE],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "appended\n"), ended.stderr
