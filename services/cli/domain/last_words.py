"""What the end of a process's log says: the one line that tells why it ended."""

import json
import re
from itertools import pairwise

SAID = "mapstream: "
"""What every service puts before its last word when it cannot start."""
START = re.compile(r"(?:  \+ Exception Group )?Traceback \(most recent call last\):")
BARS = re.compile(r"[ \t]*(?:[|+] ?)?")
"""What a line of an exception group begins with: the deeper the group, the longer."""
SEPARATOR = re.compile(r"\s*(?:\+-)?\+-+ (?:\d+|\.\.\.) -+")
RAISED = re.compile(r"[A-Za-z_][\w.]*(?:: |$)")
OF_GROUP = re.compile(r"[\w.]+: .*\(\d+ sub-exceptions?\)")
LONGEST = 500


def telling_line(log: str) -> str:
    """Return the line that says why a process ended; empty if no line says anything.

    Of a traceback that is the exception; of a group the deepest that lies in it, the first of
    several; of a line of JSON its event and reason; else the last line with a letter in it.
    """
    lines = [line.rstrip() for line in log.splitlines()]
    said = [line for line in lines if any(one.isalpha() for one in line)]
    if not said:
        return ""
    found = _of_traceback(lines) or _of_json(said[-1]) or said[-1]
    return found.strip().removeprefix(SAID)[:LONGEST]


def configuration_words(log: str) -> str:
    """Return what a process said of its configuration, without the log before it."""
    text = log.strip()
    return text[max(text.rfind(f"\n{SAID}") + 1, 0) :].removeprefix(SAID)


def _of_traceback(lines: list[str]) -> str:
    """Find the exception if the log ends with a traceback."""
    starts = [at for at, line in enumerate(lines) if START.fullmatch(line)]
    block = lines[starts[-1] :] if starts else []
    if any(line.startswith(("{", SAID)) for line in block):  # it went on after that
        return ""
    deepest, found = -1, ""
    for before, line in pairwise(block):
        depth, text = _parted(line)
        follows = _parted(before)[1].startswith(" ") or SEPARATOR.fullmatch(before)
        is_raised = follows and RAISED.match(text) and not OF_GROUP.fullmatch(text)
        if is_raised and depth > deepest:
            deepest, found = depth, text
    return found


def _parted(line: str) -> tuple[int, str]:
    """Part a line into the depth of its group and what it says."""
    bars = BARS.match(line)
    depth = bars.end() if bars and bars.group().strip() else 0
    return depth, line[depth:]


def _of_json(line: str) -> str:
    """Write a line of the log for people: the event, and why."""
    try:
        told = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(told, dict) or "event" not in told:
        return ""
    why = [str(told[name]) for name in ("error", "reason", "remedy") if told.get(name)]
    if told.get("exception"):
        why.append(telling_line(str(told["exception"])))
    return ": ".join([str(told["event"]), *why])
