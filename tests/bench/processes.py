"""What the processes of a run cost: CPU and memory, as the kernel counts them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.e2e.local_run import LiveRun

SERVICES = ("discovery", "embedding", "projection", "writing", "gateway", "text2vec")
SERVER = "nats-server"
MIB = 1 << 20


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process until now, in seconds."""
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    words = Path(f"/proc/{pid}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def own_mib(pid: int) -> float:
    """Return what memory goes with the process: without files that others have mapped, too."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU time of each service since it began, in seconds."""

    pids: Mapping[str, int]
    spent_s: Mapping[str, float]

    @classmethod
    async def now(cls, run: LiveRun) -> Self:
        pids = {name: await run.running(name) for name in (*SERVICES, SERVER)}
        return cls(pids, {name: cpu_s(pid) for name, pid in pids.items()})

    def since(self) -> dict[str, float]:
        """Return the CPU time of each until now, in seconds."""
        return {name: cpu_s(pid) - self.spent_s[name] for name, pid in self.pids.items()}

    def memory(self) -> dict[str, float]:
        """Return the memory of each now, in MiB."""
        return {name: own_mib(pid) for name, pid in self.pids.items()}
