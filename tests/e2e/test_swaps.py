"""Neighbours on the way from projection to writing change places; the map is what it would be.

Projection makes the messages of a dozen collections, the same for each. While writing is not there
yet, each collection but the first has one pair of neighbours exchanged on the bus. Then writing
starts, and both are compared with what was sent, by an oracle that imports nothing of them.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import nats
import numpy as np
import pyarrow as pa
import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.contracts.batches import ARROW, Batch, encode
from tests.builders import embedded_batch
from tests.chaos import inside, oracle
from tests.chaos.public_files import arrays_of, read_files
from tests.e2e.deployment import Deployment, deployment
from tests.waiting import PATIENCE_S, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
MESSAGES = (
    "model 1", "A1 first", "B1 first", "model 2", "A1 second", "A2", "C1", "B1 second",
    "B is forgotten", "C1 again", "model 3", "model 4",
)  # fmt: skip
"""A source that is replaced, one that is forgotten, one that is delivered twice; model 2 and 4 are
refits, 3 is a rollback."""
SWAPS = {"none": "in order"} | {
    f"swap-{number}": f"{second} before {first}"
    for number, (first, second) in enumerate(pairwise(MESSAGES))
}
"""Collections, and what is exchanged in each."""
DIMENSION = 5


def piece(name: str, collection: str) -> Batch:
    """Make the vectors of a message; the same for every collection, but for its name."""
    source, version, index, rows = {
        "A1 first": ("a", 1, 0, 4),
        "A1 second": ("a", 1, 1, 3),
        "A2": ("a", 2, 0, 5),
        "B1 first": ("b", 1, 0, 4),
        "B1 second": ("b", 1, 1, 6),
        "B is forgotten": ("b", 2, 0, 0),
        "C1": ("c", 1, 0, 3),
    }[name]
    random = np.random.default_rng([ord(source), version, index])
    vectors = random.normal(size=(rows, DIMENSION)) * [5, 3, 1, 1, 1] + 3 * (ord(source) - 98)
    return embedded_batch(
        vectors.astype(np.float32),
        first=10 * index,
        collection=collection,
        batch_id=f"{name} of {collection}",
        source_id=source,
        filename=f"{source}.jsonl",
        source_version=version,
        index=index,
        is_forgotten=rows == 0,
    )


SHOWN = ("A2", "C1")
"""What the map has to hold in the end."""
LINGERING = ((), ("A1 first",), ("A1 second",), ("A1 first", "A1 second"))
"""What may still be counted when the model without the forgotten is fitted."""
SETTLED = {("a", 2): {"A2": 5}, ("b", 2): {"B is forgotten": 0}, ("c", 1): {"C1": 3}}
"""Source and newest version to what its batches have to be told to hold."""


@pytest.fixture(params=[1, 64], ids=["one by one", "in micro-batches"])
async def system(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Deployment, JetStreamContext]]:
    variables = {
        "MAPSTREAM_COLLECTIONS": json.dumps(list(SWAPS)),
        "MAPSTREAM_PROJECTION__REFIT_THRESHOLD": "1000",
        "MAPSTREAM_PROJECTION__DRIFT_MEAN_SHIFT": "1000",
        "MAPSTREAM_PROJECTION__DRIFT_UNEXPLAINED": "1",
        "MAPSTREAM_OUTPUT__MICRO_BATCH_MAX": str(request.param),
        "MAPSTREAM_OUTPUT__SNAPSHOT_SHARE": "0.5",
        "MAPSTREAM_OUTPUT__SNAPSHOT_MIN_INTERVAL_S": "0.1",
    }
    async with deployment(tmp_path, **variables) as one:
        await one.nats.start()
        await one.apply_streams()
        client = await nats.connect(one.nats.url)
        yield one, client.jetstream(timeout=PATIENCE_S)
        await client.close()


async def test_neighbours_may_change_places(system: tuple[Deployment, JetStreamContext]) -> None:
    one, js = system
    one.start("projection")
    made = await projected(js)
    await js.purge_stream("PROJECTION")
    for collection, messages in made.items():
        for message in exchanged(messages, collection):
            headers = {k: v for k, v in message.headers.items() if k != "Nats-Msg-Id"}
            await js.publish(message.subject, message.data, headers=headers)

    one.start("writing")

    problems = ["nothing was looked at"]
    try:
        async with asyncio.timeout(PATIENCE_S):
            while problems:
                await asyncio.sleep(0.2)
                problems = [text async for text in faults(one, js)]
    except TimeoutError:
        pass
    assert problems == []
    assert one.ended == []


async def projected(js: JetStreamContext) -> dict[str, list[Msg]]:
    """Have projection make the messages one by one; return them by collection."""
    for number, name in enumerate(MESSAGES):
        for collection in SWAPS:
            if name in ("model 2", "model 4"):
                await js.publish(f"command.refit.{collection}", b'{"force": true}')
            elif name == "model 3":
                await js.publish(f"command.rollback.{collection}", b'{"to_version": 1}')
            elif name not in ("model 1", "C1 again"):  # one comes by itself, one is a copy
                body = encode(piece(name, collection))
                subject = f"embedding.batch.{collection}"
                await js.publish(subject, body, headers={"content-type": ARROW})
        if name not in ("model 1", "C1 again"):
            wanted = (number + 1 - ("C1 again" in MESSAGES[:number])) * len(SWAPS)
            await until(lambda wanted=wanted: _has(js, "PROJECTION", wanted))
    made = defaultdict[str, list[Msg]](list)
    for message in await stored(js, "PROJECTION"):
        made[message.subject.rpartition(".")[2]].append(message)
    for messages in made.values():
        messages.insert(MESSAGES.index("C1 again"), messages[MESSAGES.index("C1")])
        kinds = ["model" if "projection.model" in one.subject else "batch" for one in messages]
        assert kinds == ["model" if "model" in name else "batch" for name in MESSAGES]
    return made


def exchanged(messages: Sequence[Msg], collection: str) -> Iterator[Msg]:
    """Give the messages of a collection, those of its pair in the other order."""
    order = list(range(len(messages)))
    if collection != "none":
        first = int(collection.rpartition("-")[2])
        order[first : first + 2] = first + 1, first
    return (messages[at] for at in order)


async def _has(js: JetStreamContext, stream: str, count: int) -> bool:
    return (await js.stream_info(stream)).state.messages == count


async def stored(js: JetStreamContext, stream: str) -> list[Msg]:
    state = (await js.stream_info(stream)).state
    numbers = range(state.first_seq, state.last_seq + 1) if state.messages else ()
    return [await js.get_msg(stream, number) for number in numbers]


async def faults(one: Deployment, js: JetStreamContext) -> AsyncIterator[str]:
    """Say what is wrong, or not yet there."""
    for stream in ("EMBEDDING", "RETRACTIONS", "PROJECTION", "COMMANDS", "DEAD_LETTERS"):
        if not await _has(js, stream, 0):
            yield f"{stream} is not empty"
    events = [
        (message.subject, json.loads(message.data)) for message in await stored(js, "EVENTS")
    ]
    for collection, pair in SWAPS.items():
        told = {family: [event for subject, event in events if subject == f"{family}.{collection}"]
                for family in ("projection.updated", "writing.committed")}  # fmt: skip
        try:
            found, model = read_files(one.output / collection)
        except (FileNotFoundError, pa.ArrowInvalid) as error:
            yield f"{pair}: the files could not be read: {error!r}"
            continue
        for text in (
            *faults_of_map(one, collection, found, model),
            *faults_of_model(told["projection.updated"], model),
            *faults_of_accounts(told["writing.committed"], collection),
        ):
            yield f"{pair}: {text}"


def faults_of_map(
    one: Deployment, collection: str, found: oracle.Stored, model: dict[str, Any] | None
) -> Iterator[str]:
    """Compare rows, vectors, coordinates and moments."""
    pieces = [piece(name, collection) for name in SHOWN]
    rows = [row for each in pieces for row in each.rows.select(oracle.COLUMNS).to_pylist()]
    vectors = [vector for each in pieces for vector in each.vectors]
    wanted = {row["id"]: (row, vector.tolist()) for row, vector in zip(rows, vectors, strict=True)}
    there = {
        row["id"]: (row, vector.tolist())
        for row, vector in zip(found.rows, found.vectors, strict=True)
    }
    if there != wanted or len(found.rows) != len(wanted):
        yield f"{len(found.rows)} rows are there, {len(wanted)} are wanted"
        return
    assert model is not None
    yield from oracle.faults_of_points(found, *arrays_of(model))
    counted = inside.counted(one.folder / "state", collection)
    assert counted is not None
    yield from oracle.faults_of_moments(found, counted.count, counted.mean, counted.scatter)


def faults_of_model(
    updates: Sequence[dict[str, Any]], model: dict[str, Any] | None
) -> Iterator[str]:
    """Check that the map has the last model, and that this one knows nothing of the forgotten."""
    last = updates[-1]["model"]
    versions = [update["model"]["version"] for update in updates]
    if versions != list(range(1, len(versions) + 1)):
        yield f"models {versions} were told"
    if model != last:
        yield f"the map has model {model and model['version']}, the last one is {last['version']}"
    if last["reason"] != "forget":
        yield f"the last model was fitted for {last['reason']}"
        return
    mean, _ = arrays_of(last)
    means = [
        np.vstack([piece(name, "none").vectors for name in (*SHOWN, *lingering)]).mean(axis=0)
        for lingering in LINGERING
    ]
    if not any(np.allclose(mean, one, atol=1e-5) for one in means):
        yield "the last model remembers what was forgotten"


def faults_of_accounts(commits: Sequence[dict[str, Any]], collection: str) -> Iterator[str]:
    """Keep a ledger of what is told to be settled, and compare it with what was sent."""
    told = dict[tuple[str, int], dict[str, int]]()
    for commit in commits:
        for batch in commit["batches"]:
            key = batch["source_id"], batch["source_version"]
            told.setdefault(key, {})[batch["batch_id"]] = batch["records"]
    for key, records in SETTLED.items():
        wanted = {f"{name} of {collection}": count for name, count in records.items()}
        if told.get(key) != wanted:
            yield f"source {key}: {told.get(key)} is settled, not {wanted}"
