"""Traces for OpenTelemetry: off unless a collector is named, and then at no cost.

One trace follows one batch: its context travels as ``traceparent`` in the messages' headers. Where
messages are handled together, a trace of its own holds the common work, linked to those of the
messages and they to it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, Protocol

from shared.errors import ConfigurationError

Kind = Literal["internal", "client", "server", "producer", "consumer"]
Trace = Any
"""The place in a trace of which something is a part; opaque."""


class Tracing(Protocol):
    """What makes spans."""

    def span(
        self,
        name: str,
        kind: Kind,
        *,
        part_of: Trace | None,
        links: Sequence[Trace],
        since_ns: int | None,
    ) -> AbstractContextManager[Any]:
        """Make a span of a block."""
        ...

    def handling(
        self, messages: Mapping[str, tuple[str, Mapping[str, str]]]
    ) -> AbstractContextManager[Mapping[str, Trace]]:
        """Make a span per message of a block that handles them together."""
        ...

    def remote(self, headers: Mapping[str, str]) -> Trace:
        """Read where a caller's trace is."""
        ...

    def inject(self, headers: MutableMapping[str, str]) -> None:
        """Write the present place in the trace into headers."""
        ...

    def current(self) -> Trace | None:
        """Return the present place in the trace."""
        ...

    def shut_down(self) -> None:
        """Send what was not sent yet."""
        ...


_active: list[Tracing] = []
_nothing = nullcontext()
_no_traces: AbstractContextManager[Mapping[str, Trace]] = nullcontext({})


@contextmanager
def exporting(service: str, endpoint: str | None) -> Iterator[None]:
    """Send spans to a collector until the block ends; do nothing if none is named.

    Raises:
        ConfigurationError: The packages for it are not installed.
    """
    if endpoint is None:
        yield
        return
    try:
        from shared.observability.otel import OtelTracing  # noqa: PLC0415  an extra of its own
    except ImportError as error:
        raise ConfigurationError(
            f"tracing.endpoint: {error}; install it with: pip install 'mapstream[otel]'"
        ) from error
    with active(OtelTracing.exporting(service, endpoint)):
        yield


@contextmanager
def active(tracing: Tracing) -> Iterator[None]:
    """Make spans until the block ends."""
    _active.append(tracing)
    try:
        yield
    finally:
        _active.remove(tracing)
        tracing.shut_down()


def span(
    name: str,
    kind: Kind = "internal",
    *,
    part_of: Trace | None = None,
    links: Sequence[Trace] = (),
    since_ns: int | None = None,
) -> AbstractContextManager[Any]:
    """Make a span of a block.

    Args:
        name: What is done.
        kind: Its part in a conversation.
        part_of: The place in a trace; where the program is now if not given.
        links: Places in other traces that led to it.
        since_ns: When it began, as ``now_ns`` told it, if that was before.
    """
    if not _active:
        return _nothing
    return _active[0].span(name, kind, part_of=part_of, links=links, since_ns=since_ns)


def handling(
    messages: Callable[[], Mapping[str, tuple[str, Mapping[str, str]]]],
) -> AbstractContextManager[Mapping[str, Trace]]:
    """Make a span per message of a block that handles them together.

    Args:
        messages: Gives what is done with each message, and its headers, by any key; not called
            if traces are off.

    Returns:
        The place in the trace of each message, by the same keys.
    """
    return _active[0].handling(messages()) if _active else _no_traces


def remote(headers: Mapping[str, str]) -> Trace | None:
    """Read where a caller's trace is, from its headers."""
    return _active[0].remote(headers) if _active else None


def inject(headers: MutableMapping[str, str]) -> None:
    """Write the present place in the trace into headers, as W3C's ``traceparent``."""
    if _active:
        _active[0].inject(headers)


def current() -> Trace | None:
    """Return the present place in the trace, to link to it later."""
    return _active[0].current() if _active else None


def now_ns() -> int:
    """Return the time at which a span may have begun."""
    return time.time_ns()
