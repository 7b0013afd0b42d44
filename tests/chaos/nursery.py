"""Starts one program again and again as a fork of a process that has its modules loaded already.

``python -m tests.chaos.nursery LOG MODULE [ARGUMENT ...]``. Loading takes seconds on a small
machine, and a program that is killed every few seconds would do nothing else. Each line on stdin
starts the program once; stdout tells ``pid N`` then, and ``end CODE`` when it is over.
"""

import contextlib
import gc
import importlib
import os
import runpy
import signal
import sys
import traceback

from services.cli.adapters.processes import end_with_parent


def main(log: str, module: str, *arguments: str) -> None:
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module(f"{module}.app")
    gc.freeze()
    for _ in sys.stdin:
        pid = os.fork()
        if not pid:
            _become(log, module, arguments)
        _tell(f"pid {pid}")
        _, status = os.waitpid(pid, 0)
        _tell(f"end {os.waitstatus_to_exitcode(status)}")


def _become(log: str, module: str, arguments: tuple[str, ...]) -> None:
    """Run the program in this process, with its output in the log, and end."""
    call = end_with_parent()
    if call:
        call()
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for new, old in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(new, old)
    sys.argv = [module, *arguments]
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001  as the interpreter does it
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(*sys.argv[1:])
