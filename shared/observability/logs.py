"""Structured logs: JSON lines, or pretty on a terminal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from shared.redaction import redact
from shared.terminal_safe import terminal_safe

TALKATIVE = ("httpx", "httpcore", "uvicorn.access", "watchfiles", "asyncio")
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def set_up_logs(
    service: str,
    *,
    level: Literal["debug", "info", "warning", "error"] = "info",
    style: Literal["auto", "json", "console"] = "auto",
) -> None:
    """Send structlog and the standard library's logs to stderr in one form.

    Args:
        service: Stands in every line.
        level: The lowest level that is written.
        style: ``auto`` is pretty on a terminal and JSON lines elsewhere.
    """
    pretty = style == "console" or (style == "auto" and sys.stderr.isatty())
    common: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderers: list[Any] = (
        [_make_printable, structlog.dev.ConsoleRenderer(pad_event_to=28)]
        if pretty
        else [structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Redacting(
            foreign_pre_chain=common,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.root.handlers[:] = [handler]
    levels = {
        "": LEVELS[level],
        **dict.fromkeys(TALKATIVE, logging.WARNING),
        # A line per malformed request would let strangers fill the log; metrics count them.
        "uvicorn.error": logging.ERROR,
    }
    for name, least in levels.items():
        logging.getLogger(name).setLevel(least)  # noqa: TID251  the one place
    structlog.configure(
        processors=[*common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """Replaces secrets last of all, in the line as it is written, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _make_printable(
    _logger: Any, _name: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Escape what a terminal would act on; JSON lines have it escaped already."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = terminal_safe(value, keep="\n" if name == "exception" else "")
    return line
