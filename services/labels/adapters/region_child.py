"""The process that finds the regions of one map: what it may take is limited.

It is started by ``process_region_finder.py``: what is asked comes as its argument, what it finds
goes to its standard output as JSON, its environment says only that it has one thread.
"""

import json
import os
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

MIB = 1 << 20
NICE = 10


def main() -> None:
    """Find what the argument asks for."""
    asked = json.loads(sys.argv[1])
    os.nice(NICE)
    memory, cpu_s = asked["memory_mb"] * MIB, asked["cpu_s"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    adjustment = Path("/proc/self/oom_score_adj")
    if adjustment.exists():
        adjustment.write_text("1000")
    sys.stdout.write(json.dumps(_found(asked)))


def _found(asked: dict[str, Any]) -> dict[str, Any]:
    from services.labels.adapters.scikit_learn_regions import (  # noqa: PLC0415  within the limits
        find_regions,
    )
    from services.labels.domain.regions import Before  # noqa: PLC0415

    before = [
        Before(one["region"], tuple(one["words"]), frozenset(one["members"]), one["share"])
        for one in asked["before"]
    ]
    found = asdict(find_regions(Path(asked["file"]), before, asked["last_region"]))
    return found | {"cpu_s": time.process_time()}


if __name__ == "__main__":
    main()
