"""A map of any size, filled by writing's own adapters, and what looks at it: writing, gateway."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from services.writing.adapters.json_identity import claim_folder
from services.writing.adapters.json_model_archive import JsonModelArchive
from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.adapters.parquet_output_writer import ParquetOutputWriter
from shared.bus.broker import Bus, build_bus
from shared.bus.messages.outgoing import Outgoing, outgoing_batch, outgoing_event, outgoing_message
from shared.bus.registry.batches import PROJECTION_BATCH
from shared.bus.registry.durables import PROJECTION_READS_RETRACTIONS
from shared.bus.registry.projection import PROJECTION_MODEL, PROJECTION_UPDATED
from shared.contracts.batches import RECORD_SCHEMA, Batch, vector_array
from shared.contracts.projection import ProjectionModel, ProjectionUpdated, encode_floats
from shared.settings import NatsSection
from tests.builders import descriptor
from tests.e2e.deployment import Deployment, deployment
from tests.waiting import PATIENCE_S

DIMENSION = 8
PER_SOURCE = 5_000
PER_BATCH = 128
CENTRES = 40
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = np.array(["iteration", "tool", "answer", "note"])
WORDS = (
    "the index was rebuilt after a slow query and the plan changed once more",
    "no permission to open the archive so the agent asks for another token",
    "tests pass on the second attempt while the first one timed out",
    "the matrix is singular and a pseudo inverse gives the same plane",
    "customers in the north ask for an invoice that was never sent",
)


def vectors(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw vectors (n, d) around some centres, and say which; the same for the same numbers."""
    random = np.random.default_rng(first + 1)
    centres = np.random.default_rng(7).normal(scale=4, size=(CENTRES, DIMENSION))
    chosen = random.integers(CENTRES, size=count)
    drawn = centres[chosen] + random.normal(scale=0.6, size=(count, DIMENSION))
    return drawn.astype(np.float32), chosen


def model(version: int) -> ProjectionModel:
    """Turn the plane a little with each version."""
    angle = 0.15 * version
    components = np.zeros((2, DIMENSION), np.float32)
    components[:, :3] = [[np.cos(angle), np.sin(angle), 0.1], [-np.sin(angle), np.cos(angle), 0.2]]
    return ProjectionModel(
        collection="default",
        version=version,
        parent=version - 1 or None,
        dimension=DIMENSION,
        mean=encode_floats(np.zeros(DIMENSION, np.float32)),
        components=encode_floats(components),
        explained_variance_ratio=(0.4, 0.3),
        record_count=PER_SOURCE,
        reason="command",
        created_at=BEGAN + timedelta(seconds=version),
    )


def points(
    source: str, first: int, count: int, plane_of: ProjectionModel, *, version: int = 1
) -> Batch:
    """Build the batch of one whole source, as projection sends it."""
    found, centres = vectors(first, count)
    places = plane_of.plane().project(found)
    numbers = np.arange(count)
    filename = f"{source}.jsonl"
    began = np.datetime64("2026-01-01T00:00:00", "us")
    # What lies together says the same, as on maps of texts: so regions have names.
    said = [WORDS[centre % len(WORDS)] for centre in centres]
    texts = [f"{one}, step {i} of {source}" for i, one in zip(numbers, said, strict=True)]
    columns = {
        "id": [sha256(f"{filename}:{i}:0".encode()).hexdigest() for i in numbers],
        "timestamp": began + (first + numbers).astype("timedelta64[s]"),
        "filename": [filename] * count,
        "text": texts,
        "iteration": numbers.astype(np.int32),
        "idx_in_iteration": np.zeros(count, np.int32),
        "type": KINDS[numbers % len(KINDS)],
        "truncated": np.zeros(count, bool),
        "line": numbers + 1,
        "byte_offset": numbers * 100,
        "attributes": pa.nulls(count, pa.string()),
        "arrived_at": np.full(count, began),
    }
    arrays = [pa.array(columns[one.name], one.type) for one in RECORD_SCHEMA]
    place = pa.field("x", pa.float32(), nullable=False)
    schema = RECORD_SCHEMA.append(
        pa.field("vector", pa.list_(pa.float32(), DIMENSION), nullable=False)
    )
    schema = schema.append(place).append(place.with_name("y"))
    arrays += [vector_array(found), pa.array(places[:, 0]), pa.array(places[:, 1])]
    key = f"{source}@{version}"
    facts = descriptor(
        filename=filename,
        source_id=source,
        batch_id=key,
        source_version=version,
        fingerprint=sha256(key.encode()).hexdigest(),
        records=count,
        embedder="bench",
        model_version=plane_of.version,
    )
    return Batch(facts, pa.RecordBatch.from_arrays(arrays, schema=schema))


async def fill(output: Path, count: int) -> None:
    """Write a dataset of so many points, its model and its public files."""
    folder = output / "default"
    folder.mkdir(parents=True)
    claim_folder(folder, "default")
    store = LanceDatasetStore(folder, compact_every=1000, keep_versions_s=60)
    models, first = JsonModelArchive(folder / "models"), model(1)
    await models.save(first)

    def batches() -> Iterator[Batch]:
        for start in range(0, count, PER_SOURCE):
            size = min(PER_SOURCE, count - start)
            yield points(f"run-{start // PER_SOURCE:04d}", start, size, first)

    for batch in batches():
        await store.commit([batch], {}, {})
    async with store.snapshot() as snapshot:
        output_writer = ParquetOutputWriter(folder, has_embeddings=False)
        await output_writer.write(snapshot, collection="default", model=first)


@dataclass
class LargeMap:
    """A filled map behind a running gateway; the bench sends what projection would."""

    deployment: Deployment
    bus: Bus
    gateway: str
    version: int = 1
    sent: int = 0
    _names: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))

    @property
    def logs(self) -> Path:
        return self.deployment.output / "default" / "logs.parquet"

    def pid_of(self, service: str) -> int:
        return self.deployment.processes[service].pid

    def marks(self) -> tuple[int, int]:
        """Return how many records the public file has, and of which model."""
        told = pq.read_schema(self.logs).metadata
        return int(told[b"mapstream.records"]), int(told[b"mapstream.model_version"])

    async def send(self, *messages: Outgoing) -> None:
        await self.bus.publisher.publish_all(messages)

    async def append(self, count: int) -> None:
        """Send so many new points, in sources of one batch each."""
        plane = model(self.version)
        for _ in range(-(-count // PER_BATCH)):
            size = min(PER_BATCH, count)
            count -= size
            number = next(self._names)
            batch = points(f"new-{number:06d}", 10**8 + number * PER_BATCH, size, plane)
            await self.send(outgoing_batch(PROJECTION_BATCH, batch))
            self.sent += size

    async def replace(self, name: str, version: int, count: int) -> None:
        """Send another version of a source: its old points go when the new ones come."""
        first = 2 * 10**8 + version
        batch = points(name, first, count, model(self.version), version=version)
        await self.send(outgoing_batch(PROJECTION_BATCH, batch))

    async def refit(self) -> int:
        """Send a new model, and the event about it; returns its version."""
        self.version += 1
        fresh = model(self.version)
        key = f"bench-model-{self.version}"
        event = ProjectionUpdated(
            id=key, collection="default", occurred_at=datetime.now(UTC), model=fresh
        )
        told = outgoing_message(PROJECTION_MODEL, "default", fresh, message_id=f"m:{key}")
        await self.send(told)
        await self.send(outgoing_event(PROJECTION_UPDATED, event))
        return self.version


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@asynccontextmanager
async def large_map(folder: Path, count: int, **more: str) -> AsyncIterator[LargeMap]:
    """Fill a map and run what shows it."""
    port = free_port()
    settings = {
        "MAPSTREAM_GATEWAY__PORT": str(port),
        "MAPSTREAM_OUTPUT__EMBEDDINGS": "false",
        "MAPSTREAM_GATEWAY__REQUESTS_PER_S": "1000",
        **more,
    }
    async with deployment(folder, **settings) as one:
        await fill(one.output, count)
        await one.nats.start()
        await one.apply_streams()
        bus = build_bus(NatsSection(url=one.nats.url), "projection")
        await bus.connect()
        for service in ("writing", "gateway"):
            one.start(service)
        url = f"http://127.0.0.1:{port}"
        handling = asyncio.ensure_future(handle_retractions(bus))
        try:
            await answers(url)
            yield LargeMap(one, bus, url)
        finally:
            handling.cancel()
            await asyncio.wait({handling})
            await bus.close()


async def handle_retractions(bus: Bus) -> None:
    """Settle what writing takes back, as projection does, whom it waits for."""
    durable = PROJECTION_READS_RETRACTIONS
    reader = await bus.js.pull_subscribe_bind(durable.name("default"), durable.stream)
    while True:
        with suppress(TimeoutError):
            for message in await reader.fetch(16, timeout=5):
                await message.ack()


async def answers(url: str) -> None:
    """Wait until a gateway has a map to give."""
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(timeout=PATIENCE_S) as client:
        while True:
            try:
                answer = await client.get(f"{url}/map", params={"since": "0"})
                if answer.status_code in (200, 410):
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


def memory_of(pid: int) -> int:
    """Return the resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process took."""
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
