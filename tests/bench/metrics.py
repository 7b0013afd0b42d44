"""Delivery with metrics, without, and with traces: ``python -m tests.bench.metrics``."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from unittest.mock import patch

import nats
import numpy as np
from opentelemetry.sdk.trace import TracerProvider

from shared.bus.broker import build_bus
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.registry.durables import PROJECTION_READS_BATCHES
from shared.bus.topology import apply_topology
from shared.contracts.batches import Batch, decode
from shared.observability import instruments, tracing
from shared.observability.otel import OtelTracing
from shared.settings import NatsSection
from tests.builders import embedded_batch
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


async def measure(folder: Path) -> dict[str, list[float]]:
    server = await NatsServer(folder).start()
    client = await nats.connect(server.url)
    await apply_topology(client.jetstream(), ["default"])
    vectors = np.random.default_rng(0).standard_normal((RECORDS, 384)).astype(np.float32)
    batches = [outgoing_batch(EMBEDDING_BATCH, embedded_batch(vectors))] * MESSAGES
    modes = {"without": without, "metrics": with_metrics, "metrics and traces": with_traces}
    results: dict[str, list[float]] = {name: [] for name in modes}
    for round_ in range(ROUNDS + 1):
        for position, (name, mode) in enumerate(modes.items()):
            with mode():
                first = (round_ * len(modes) + position) * MESSAGES
                cost_ms = await deliver(server, batches, first)
            if round_:  # the first round warms up
                results[name].append(cost_ms)
    await client.close()
    await server.stop()
    return results


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(measure(Path(folder)))
    base = median(results["without"])
    for name, costs in results.items():
        each = ", ".join(f"{one:.2f}" for one in costs)
        ratio = median(costs) / base
        sys.stdout.write(
            f"{name:>18}: {median(costs):.2f} ms of CPU a message, ratio {ratio:.2f} ({each})\n"
        )
    sys.stdout.write(json.dumps({"metrics": results}) + "\n")


if __name__ == "__main__":
    main()
