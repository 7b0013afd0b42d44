import json
import re
import subprocess
import sys

from tests.waiting import PATIENCE_S

PROGRAM = """
import logging, structlog
from shared.observability.logs import set_up_logs

set_up_logs("embedding", level="{level}", style="{style}")
set_up_logs("embedding", level="{level}", style="{style}")
log = structlog.get_logger("here")
log.debug("a.detail")
with structlog.contextvars.bound_contextvars(subject="s"):
    log.info("thing.done", file="ü.jsonl", size_bytes=3)
logging.getLogger("nats").warning("foreign %s", "line")
logging.getLogger("httpx").info("chatter")
try:
    1 / 0
except ZeroDivisionError as error:
    log.error("thing.failed", exc_info=error)
"""


def lines(level: str = "info", style: str = "auto") -> list[str]:
    """Log in a process of its own: the set-up is global."""
    program = PROGRAM.format(level=level, style=style)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_away_from_a_terminal_every_line_is_json_with_its_context() -> None:
    found = [json.loads(line) for line in lines()]

    done, foreign, failed = found
    assert done.pop("timestamp").endswith("Z")
    assert done == {
        "event": "thing.done",
        "file": "ü.jsonl",
        "size_bytes": 3,
        "subject": "s",
        "service": "embedding",
        "level": "info",
    }
    assert (foreign["event"], foreign["level"]) == ("foreign line", "warning")
    assert "ZeroDivisionError" in failed["exception"]


def test_the_level_decides_what_is_written() -> None:
    assert len(lines("debug")) == 4
    assert len(lines("error")) == 1


def test_the_console_style_is_for_people() -> None:
    text = "\n".join(lines(style="console"))

    assert "thing.done" in text
    assert "ZeroDivisionError" in text


def test_what_is_logged_cannot_command_the_terminal() -> None:
    hostile = """
import structlog
from shared.observability.logs import set_up_logs
set_up_logs("discovery", style="console")
log = structlog.get_logger("here")
text = "x\\x1b[2J\\x9b\\nforged"
try:
    raise ValueError(text)
except ValueError as error:
    log.error("source.failed", file=text, exc_info=error, plain="a\\x1bb")
"""
    done = subprocess.run(
        [sys.executable, "-c", hostile],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )

    assert "\x1b[2J" not in done.stderr
    assert "\x9b" not in done.stderr
    assert r"plain=a\x1bb" in re.sub("\x1b\\[[0-9;]*m", "", done.stderr)
