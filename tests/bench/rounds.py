"""Ways to do the same, measured in turn: what else the machine does meets all of them."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import nats
import numpy as np
from nats.aio.client import Client

from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.topology import apply_topology
from tests.builders import embedded_batch
from tests.nats_server import NatsServer

Costs = Mapping[str, Sequence[float]]


@asynccontextmanager
async def declared_server(folder: Path) -> AsyncIterator[tuple[NatsServer, Client]]:
    """A server with the streams, and a connection to it."""
    server = await NatsServer(folder).start()
    client = await nats.connect(server.url)
    await apply_topology(client.jetstream(), ["default"])
    yield server, client
    await client.close()
    await server.stop()


def batch_of(records: int) -> Outgoing:
    vectors = np.random.default_rng(0).standard_normal((records, 384)).astype(np.float32)
    return outgoing_batch(EMBEDDING_BATCH, embedded_batch(vectors))


async def in_rounds(ways: Mapping[str, Callable[[], Awaitable[float]]], rounds: int) -> Costs:
    """Measure each way once a round; a round before the first warms up."""
    results: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(rounds + 1):
        for name, measure in ways.items():
            cost = await measure()
            if round_:
                results[name].append(cost)
    return results


def tell(what: str, unit: str, results: Costs, *, digits: int) -> None:
    """Print medians, their ratio to the first way's, and all figures; then the same as JSON."""
    base = median(next(iter(results.values())))
    wide = max(map(len, results))
    for name, costs in results.items():
        each = ", ".join(f"{one:.{digits}f}" for one in costs)
        sys.stdout.write(
            f"{name:>{wide}}: {median(costs):.{digits}f} {unit} of CPU a message, "
            f"ratio {median(costs) / base:.2f} ({each})\n"
        )
    sys.stdout.write(json.dumps({what: results}) + "\n")
