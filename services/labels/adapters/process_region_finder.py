"""Finds regions in a process that ends with that: nothing of scikit-learn stays in memory."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from services.labels.adapters.parquet_map_files import LOGS
from services.labels.domain.enough import Shown
from services.labels.domain.regions import Before
from services.labels.ports import Found, FoundRegion
from shared.errors import TransientError

BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from services.labels.adapters.region_child import main; main()"
)
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
CPU_S = 120
LAST_WORDS = 300


class ProcessRegionFinder:
    """Starts a process for each map."""

    def __init__(self, folder: Path, *, memory_mb: int, patience_s: float) -> None:
        """Take the limits.

        Args:
            folder: Has a folder for each collection.
            memory_mb: What the process may address.
            patience_s: How long it may take; a loaded machine is slow.
        """
        self._folder = folder
        self._memory_mb = memory_mb
        self._patience_s = patience_s

    async def find(self, collection: str, before: Sequence[Before], last_region: int) -> Found:
        """See the port."""
        asked = {
            "file": str((self._folder / collection / LOGS).absolute()),
            "before": [{**asdict(one), "members": sorted(one.members)} for one in before],
            "last_region": last_region,
            "memory_mb": self._memory_mb,
            "cpu_s": CPU_S,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", BOOT, json.dumps(sys.path), json.dumps(asked),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=ONE_THREAD,
            cwd="/",
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._patience_s):
                told, said = await process.communicate()
        except TimeoutError as error:
            raise TransientError(f"it took more than {self._patience_s:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            last = said.decode(errors="replace").strip()[-LAST_WORDS:]
            raise TransientError(f"its process ended with {process.returncode}: {last}")
        return _read(told)


def _read(told: bytes) -> Found:
    found = json.loads(told)
    regions = (
        FoundRegion(
            **one
            | {
                "words": tuple(one["words"]),
                "centres": tuple(map(tuple, one["centres"])),
                "members": tuple(one["members"]),
            }
        )
        for one in found["regions"]
    )
    return Found(**found | {"shown": Shown(**found["shown"]), "regions": tuple(regions)})
