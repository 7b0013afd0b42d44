"""Events, models, files and fakes for the gateway's tests."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from services.gateway.adapters.nats_services import EventsOf
from services.gateway.ports import (
    FileFacts,
    MapMarks,
    OpenMap,
    Points,
    PositionLostError,
)
from services.gateway.ports.queues import Queue
from services.gateway.ports.records import FoundRecord
from shared.bus.registry.channels import BY_FAMILY
from shared.bus.request import request
from shared.contracts.answers import Answer
from shared.contracts.base import Command, Event
from shared.contracts.batches import POINT_SCHEMA, Batch
from shared.contracts.collections import CollectionChanged, CollectionRecord
from shared.contracts.dead_letter_events import LettersDropped, LettersReplayed
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.jobs import JobsSubmitted
from shared.contracts.projection import (
    Decision,
    Movement,
    ProjectionHeld,
    ProjectionModel,
    ProjectionPreviewed,
    ProjectionRejected,
    ProjectionUpdated,
    encode_floats,
)
from shared.contracts.sources import SourceForgotten
from shared.contracts.status_reading import Statuses, read_status
from shared.contracts.statuses import Wait
from shared.contracts.stored_events import StoredEvent
from shared.contracts.writing import CommittedBatch, WritingCommitted, WritingPublished
from shared.errors import BusAway
from tests.builders import NOW, descriptor

MOVEMENT = Movement(
    rms=1,
    rms_share=0.3,
    centre=0,
    centre_share=0,
    diagonal=3,
    explained_before=0,
    explained_after=1,
)
DECISION = Decision(trigger="command", records=7, records_at_last_fit=3, growth_threshold=2)

COLLECTION = CollectionRecord(
    id="c1", name="default", title="T", description="D", revision=2, created_at=NOW
)
LETTERS = {
    "letters": 2,
    "records": 9,
    "refused": 1,
    "refusals": [{"sequence": 3, "reason": "why"}],
}


def model(version: int = 1, **changes: Any) -> ProjectionModel:
    facts = {
        "collection": "default",
        "version": version,
        "parent": version - 1 or None,
        "dimension": 2,
        "mean": encode_floats(np.zeros(2)),
        "components": encode_floats(np.eye(2)),
        "explained_variance_ratio": (0.75, 0.25),
        "record_count": 7,
        "reason": "command",
        "created_at": NOW,
    }
    return ProjectionModel.model_validate(facts | changes)


def event(kind: type[Event], correlation_id: str | None = None, **facts: Any) -> Any:
    defaults: dict[type[Event], dict[str, Any]] = {
        ProjectionUpdated: {"model": model(), "movement": MOVEMENT, "decision": DECISION},
        ProjectionHeld: {"version": 1, "movement": MOVEMENT, "decision": DECISION},
        ProjectionPreviewed: {
            "version": 1,
            "movement": MOVEMENT,
            "decision": DECISION,
            "would_be_held": True,
        },
        ProjectionRejected: {"command": "x", "reason": "there are no records"},
        SourceForgotten: {"source_id": "s", "filename": "a.jsonl", "source_version": 2},
        CollectionChanged: {"record": COLLECTION},
        LettersReplayed: LETTERS,
        JobsSubmitted: {"kind": "delete", "jobs": ()},
        LettersDropped: LETTERS,
        WritingPublished: {"dataset_version": 1, "model_version": 1, "records": 7, "seconds": 0},
        WritingCommitted: {"dataset_version": 1, "batches": ()},
    }
    common: dict[str, Any] = {
        "id": f"{kind.family}:{correlation_id}:{facts}",
        "collection": "default",
        "occurred_at": NOW,
        "correlation_id": correlation_id,
    }
    return kind(**common | defaults.get(kind, {}) | facts)


def committed(version: int, *batch_ids: str) -> WritingCommitted:
    batches = tuple(
        CommittedBatch(batch_id=one, source_id="s", source_version=1, records=1)
        for one in batch_ids
    )
    return event(WritingCommitted, dataset_version=version, batches=batches)


def letter(number: int, **changes: Any) -> DeadLetter:
    facts: dict[str, Any] = {
        "key": str(number),
        "stage": "discovery",
        "collection": "default",
        "reason": "not JSON",
        "body": f"torn {number}".encode(),
        "filename": f"{number % 2}.jsonl",
        "line": number,
    }
    return DeadLetter(**facts | changes)


def points(
    batch_id: str,
    ids: Sequence[str],
    *,
    model_version: int = 1,
    x: float = 0.0,
    source_version: int = 1,
) -> Batch:
    rows = [
        {
            "id": one,
            "x": x,
            "y": -x,
            "type": "iteration",
            "filename": "a.jsonl",
            "iteration": 1,
            "model_version": model_version,
        }
        for one in ids
    ]
    facts = descriptor(batch_id=batch_id, source_version=source_version, records=len(rows))
    return Batch(facts, pa.RecordBatch.from_pylist(rows, schema=POINT_SCHEMA))


def write_map(
    folder: Path,
    ids: Sequence[str],
    *,
    dataset_version: int = 1,
    model_version: int | None = 1,
    group_rows: int = 2,
) -> None:
    """Write ``logs.parquet`` as writing does: beside, then renamed."""
    columns = {
        "id": pa.array(ids, pa.string()),
        "timestamp": pa.array([NOW] * len(ids), pa.timestamp("us", tz="UTC")),
        "filename": pa.array(["a.jsonl"] * len(ids), pa.string()),
        "text": pa.array(["text"] * len(ids), pa.string()),
        "iteration": pa.array(range(len(ids)), pa.int32()),
        "idx_in_iteration": pa.array([0] * len(ids), pa.int32()),
        "type": pa.array(["iteration"] * len(ids), pa.string()),
        "attributes": pa.array(['{"model": "m"}'] * len(ids), pa.string()),
        "arrived_at": pa.array([None] * len(ids), pa.timestamp("us", tz="UTC")),
        "projection_x": pa.array([float(i) for i in range(len(ids))], pa.float32()),
        "projection_y": pa.array([0.0] * len(ids), pa.float32()),
        "source_version": pa.array([1] * len(ids), pa.int32()),
    }
    marks = {
        "mapstream.collection": folder.name,
        "mapstream.dataset_version": str(dataset_version),
        "mapstream.records": str(len(ids)),
    }
    if model_version is not None:
        marks["mapstream.model_version"] = str(model_version)
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns).replace_schema_metadata(marks)
    pq.write_table(table, folder / ".tmp-logs.parquet", row_group_size=group_rows)
    (folder / ".tmp-logs.parquet").replace(folder / "logs.parquet")


def write_models(folder: Path, *models: ProjectionModel) -> None:
    (folder / "models").mkdir(parents=True, exist_ok=True)
    for one in models:
        (folder / "models" / f"{one.version}.json").write_text(one.model_dump_json())


class FakeEventLog:
    """Events of a list that grows."""

    def __init__(self) -> None:
        self.told: list[StoredEvent] = []
        self.is_away = False
        self.scans = 0
        self._changed = asyncio.Event()

    @property
    def position(self) -> int:
        return len(self.told)

    def tell(self, *events: Event) -> None:
        for one in events:
            body = one.model_dump_json().encode()
            self.told.append(
                StoredEvent(len(self.told) + 1, one.family, one.collection, body, type(one))
            )
        self._changed.set()
        self._changed = asyncio.Event()

    def follow(
        self, after: int | None, collections: Collection[str], *, idle_s: float = 15.0
    ) -> AsyncGenerator[StoredEvent | None, None]:
        return self._follow(self.position if after is None else after, collections, idle_s)

    async def _follow(
        self, cursor: int, collections: Collection[str], idle_s: float
    ) -> AsyncGenerator[StoredEvent | None, None]:
        while True:
            for told in self.told[cursor:]:
                cursor = told.sequence
                if told.collection in collections:
                    yield told
            try:
                async with asyncio.timeout(idle_s):
                    await self._changed.wait()
            except TimeoutError:
                yield None

    async def answers(self, correlation_id: str) -> Sequence[StoredEvent]:
        self.scans += 1
        if self.is_away:
            raise BusAway("away")
        return [told for told in self.told if correlation_id.encode() in told.body]


class FakeCommandBus:
    """Takes commands; what ``reply`` returns for one is told at once."""

    def __init__(self, events: FakeEventLog, *replies: Any, is_away: bool = False) -> None:
        self.sent: list[tuple[str, Command]] = []
        self.callers: list[str] = []
        self.replies = list(replies)
        self.is_away = is_away
        self._events = events

    async def send(self, collection: str, command: Command) -> None:
        if self.is_away:
            raise BusAway("the bus is away")
        self.sent.append((collection, command))
        for reply in self.replies:
            self._events.tell(reply(command.correlation_id))

    async def request(
        self, collection: str, command: Command, *, caller: str, **how: Any
    ) -> Answer:
        self.callers.append(caller)
        events = EventsOf(self._events, collection)
        return await request(command, collection, sender=self, events=events, **how)

    async def answer_to(
        self, collection: str, command: type[Command], correlation_id: str
    ) -> Event | None:
        families = {one.family for one in BY_FAMILY[command.family].answers}
        told = await self._events.answers(correlation_id)
        return next(
            (
                one.read()
                for one in told
                if one.family in families and one.collection == collection
            ),
            None,
        )


OWN_WAIT = Wait.model_validate(
    {"what": "connecting to the bus", "reason": "refused", "since": "2026-01-01T12:00:00+00:00"}
)


class FakeStatusBoard:
    """Tells what is given as JSON."""

    def __init__(self, statuses: Mapping[str, Sequence[Mapping[str, Any]]] | None) -> None:
        self.told = (
            None
            if statuses is None
            else {
                name: [read_status(name, one) for one in some] for name, some in statuses.items()
            }
        )

    async def statuses(self) -> Statuses | None:
        return self.told

    async def queues(self, collection: str) -> list[Queue]:
        if self.told is None:
            raise BusAway("the bus is away")
        return [Queue("writing", f"projection of {collection}", 7, 2, 40)]

    def waits(self) -> Sequence[Wait]:
        return [OWN_WAIT] if self.told is None else []


class FakePointLog:
    """A stream of batches; the first one has sequence 1."""

    def __init__(
        self,
        *batches: Batch,
        first: int = 1,
        most: int = 100,
        removals: Mapping[str, int] | None = None,
    ) -> None:
        self.batches = list(batches)
        self.removals = removals or {}
        self.first = first
        self.most = most

    async def position_of(self, collection: str, dataset_version: int) -> int:
        del collection
        return dataset_version

    async def read(self, collection: str, after: int) -> Points:
        del collection
        if not self.first - 1 <= after <= len(self.batches):
            raise PositionLostError(f"position {after}")
        some = self.batches[after : after + self.most]
        has_more = after + len(some) < len(self.batches)
        return Points(some, self.removals, after + len(some), has_more)


class FakeMapReader:
    def __init__(self, marks: MapMarks | None = None, ids: Sequence[str] = ()) -> None:
        self.told = marks
        self.ids = ids

    async def marks(self, collection: str) -> MapMarks | None:
        del collection
        return self.told

    async def files(self, collection: str) -> Sequence[FileFacts]:
        del collection
        return [FileFacts("logs.parquet", 10, datetime(2026, 1, 1, tzinfo=UTC))] * bool(self.told)

    @asynccontextmanager
    async def open(self, collection: str) -> AsyncIterator[OpenMap | None]:
        del collection
        yield FakeOpenMap(self.told, self.ids) if self.told else None


class FakeOpenMap:
    def __init__(self, marks: MapMarks, ids: Sequence[str]) -> None:
        self.marks = marks
        self._ids = ids

    async def batches(self) -> AsyncGenerator[pa.RecordBatch, None]:
        for one in self._ids:
            rows = points("b", [one]).rows.drop_columns(["model_version"])
            yield rows.append_column("source_version", pa.array([1], pa.int32()))


class FakeModelHistory:
    def __init__(self, *models: ProjectionModel) -> None:
        self.models = {one.version: one for one in models}

    async def versions(self, collection: str) -> Sequence[int]:
        del collection
        return sorted(self.models, reverse=True)

    async def get(self, collection: str, version: int) -> ProjectionModel | None:
        del collection
        return self.models.get(version)


class FakeRecordReader:
    def __init__(self, *found: FoundRecord) -> None:
        self.found = {one.columns["id"]: one for one in found}

    async def find(
        self, collection: str, key: str, source: str | None = None
    ) -> FoundRecord | None:
        del collection, source
        return self.found.get(key)
