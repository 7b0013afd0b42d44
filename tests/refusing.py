"""Runs a program on a system that refuses some calls, as other file systems do.

``python -m tests.refusing linkat=EPERM fcntl:6=ENOLCK -- PROGRAM ARGUMENT...``: a filter in the
kernel (seccomp), which all that the program starts inherits. After a colon stands the second
argument of the call that is refused, such as 6 for the F_SETLK of fcntl. A call to make a link is
refused under both of its names.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence

NUMBERS = {
    "x86_64": {"fcntl": (72,), "flock": (73,), "linkat": (86, 265)},
    "aarch64": {"fcntl": (25,), "flock": (32,), "linkat": (37,)},
}
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
LOAD_WORD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_AT, SECOND_ARGUMENT_AT = 0, 24
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def is_possible() -> bool:
    return sys.platform == "linux" and platform.machine() in NUMBERS


def command(rules: Sequence[str], program: Sequence[str]) -> list[str]:
    """Return the command that runs a program with these calls refused."""
    return [sys.executable, "-m", "tests.refusing", *rules, "--", *program]


def compiled(rules: Sequence[str]) -> bytes:
    code = b""
    for rule in rules:
        call, reason = rule.split("=")
        name, _, argument = call.partition(":")
        verdict = ERRNO | getattr(errno, reason)
        for number in NUMBERS[platform.machine()][name]:
            code += struct.pack("HBBI", LOAD_WORD, 0, 0, NUMBER_AT)
            if argument:
                code += struct.pack("HBBI", IF_EQUAL, 0, 3, number)
                code += struct.pack("HBBI", LOAD_WORD, 0, 0, SECOND_ARGUMENT_AT)
                code += struct.pack("HBBI", IF_EQUAL, 0, 1, int(argument))
            else:
                code += struct.pack("HBBI", IF_EQUAL, 0, 1, number)
            code += struct.pack("HBBI", RETURN, 0, 0, verdict)
    return code + struct.pack("HBBI", RETURN, 0, 0, ALLOW)


def refuse(rules: Sequence[str]) -> None:
    """Have the kernel refuse these calls to this process and all that it starts, from now on."""
    code = ctypes.create_string_buffer(compiled(rules))
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(code))
    )
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "no filter of calls")


if __name__ == "__main__":
    middle = sys.argv.index("--")
    refuse(sys.argv[1:middle])
    os.execvp(sys.argv[middle + 1], sys.argv[middle + 1 :])  # noqa: S606  it takes our place
