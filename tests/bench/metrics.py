"""Delivery with metrics, without, and with traces: ``python -m tests.bench.metrics``."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from unittest.mock import patch

from opentelemetry.sdk.trace import TracerProvider

from shared.bus.broker import build_bus
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.durables import PROJECTION_READS_BATCHES
from shared.contracts.batches import Batch, decode
from shared.observability import instruments, tracing
from shared.observability.otel import OtelTracing
from shared.settings import NatsSection
from tests.bench.rounds import Costs, batch_of, declared_server, in_rounds, tell
from tests.integration.one_by_one import router_of
from tests.nats_server import NatsServer

MESSAGES = 1500
ROUNDS = 5
RECORDS = 64


@contextmanager
def without() -> Iterator[None]:
    """Let instruments do nothing."""
    with ExitStack() as stack:
        for kind, name in (
            (instruments.Counter, "add"), (instruments.Gauge, "set"),
            (instruments.Histogram, "observe"),
        ):  # fmt: skip
            stack.enter_context(patch.object(kind, name, lambda *_, **__: None))
        yield


@contextmanager
def with_metrics() -> Iterator[None]:
    yield


@contextmanager
def with_traces() -> Iterator[None]:
    """Make every span; nobody collects them."""
    with tracing.active(OtelTracing(TracerProvider())):
        yield


Mode = Callable[[], AbstractContextManager[None]]
MODES: dict[str, Mode] = {
    "without": without, "metrics": with_metrics, "metrics and traces": with_traces
}  # fmt: skip


async def deliver(server: NatsServer, batches: Sequence[Outgoing], first: int) -> float:
    """Publish batches and take them in micro-batches; returns our CPU time per message, in ms.

    Not the time of day: what else the machine does is no cost of ours.
    """
    bus = build_bus(NatsSection(url=server.url), "projection")
    done = asyncio.Event()
    seen = 0

    async def handle(some: Sequence[Batch]) -> Iterable[Outgoing]:
        nonlocal seen
        seen += len(some)
        if seen >= len(batches):
            done.set()
        return ()

    router_of(bus).durable(
        PROJECTION_READS_BATCHES, "default", lambda one: decode(one.body), Pull(64, 0.01)
    )(handle)
    async with bus.consuming():
        started = time.process_time()
        for number, one in enumerate(batches):
            message_id = f"{one.message_id}-{first + number}"
            await bus.publisher.publish(
                Outgoing(one.channel, one.collection, message_id, one.body, one.headers)
            )
        await done.wait()
        seconds = time.process_time() - started
    await bus.close()
    return 1000 * seconds / len(batches)


async def measure(folder: Path) -> Costs:
    async with declared_server(folder) as (server, _):
        batches = [batch_of(RECORDS)] * MESSAGES
        firsts = count(0, MESSAGES)

        async def cost_ms(mode: Mode) -> float:
            with mode():
                return await deliver(server, batches, next(firsts))

        return await in_rounds(
            {name: partial(cost_ms, mode) for name, mode in MODES.items()}, ROUNDS
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tell("metrics", "ms", asyncio.run(measure(Path(folder))), digits=2)


if __name__ == "__main__":
    main()
