"""The process that reads one file: what it may take is limited, and it can reach nothing else.

It is started by ``in_process``: the file is its standard input, what it finds goes to its standard
output, its environment is empty.
"""

import gc
import json
import os
import resource
import signal
import sys
from pathlib import Path

from shared.readers import wire
from shared.readers.errors import UnreadableFileError
from shared.readers.told import Told

MIB = 1 << 20
_silent_s = 0.0
OUT_OF_MEMORY = 77
"""How it ends where there was not even room to say so."""


def main() -> None:
    """Read the file as the arguments say."""
    asked = json.loads(sys.argv[1])
    limit(asked["memory_mb"], asked["cpu_s"])
    watch(asked["silent_s"])
    sheets = tuple(asked["told"].pop("sheets"))
    told = Told(**asked["told"], sheets=sheets)
    try:
        _read(asked["name"], told)
    except MemoryError:
        gc.collect()
        _say(wire.refused(*too_large(asked["memory_mb"])))
        os._exit(OUT_OF_MEMORY)
    except BrokenPipeError:
        os._exit(0)


def _read(name: str, told: Told) -> None:
    from shared.readers.reading import read_file  # noqa: PLC0415  within the limits

    try:
        with open(0, "rb", closefd=False) as file:
            for line in wire.written(read_file(file, name, told)):
                _say(line)
    except UnreadableFileError as error:
        _say(wire.refused(error.reason, error.remedy))
    except (MemoryError, BrokenPipeError):
        raise
    except BaseException as error:  # noqa: BLE001  a reader's panic is no Exception
        _say(wire.refused(*failed(error)))


def watch(silent_s: float) -> None:
    """End this process, by SIGPROF, when it has worked so many seconds without saying a word."""
    global _silent_s  # noqa: PLW0603  one to a process, as the clock is
    _silent_s = silent_s
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, _silent_s)


def _say(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()
    signal.setitimer(signal.ITIMER_PROF, _silent_s)


def too_large(memory_mb: int) -> tuple[str, str]:
    """Return the reason and the remedy of a file that takes too much memory."""
    return (
        f"reading it takes more than {memory_mb} MiB of memory",
        "split it, or save it as CSV",
    )


def failed(error: BaseException) -> tuple[str, str]:
    """Return the reason and the remedy of a file that its reader does not understand."""
    first = str(error).partition("\n")[0][:200]
    return (
        f"its reader gave up ({type(error).__name__}: {first}): it is damaged or made to harm",
        "open it in its program and save it anew, or as CSV",
    )


def limit(memory_mb: int, cpu_s: int) -> None:
    """Let this process have so much and no more, and be the first to go."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * MIB, memory_mb * MIB))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    files = 64
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    adjustment = Path("/proc/self/oom_score_adj")
    if adjustment.exists():
        adjustment.write_text("1000")


if __name__ == "__main__":
    main()
