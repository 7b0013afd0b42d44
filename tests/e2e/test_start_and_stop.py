"""Any order of starting, any moment of stopping, and a bus that forgets everything."""

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

import nats
import numpy as np
import pyarrow.parquet as pq
import pytest
from nats.js import JetStreamContext

from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.domain.moments import Moments
from services.projection.domain.state import CollectionState
from tests.e2e.deployment import PATIENCE_S, SERVICES, Deployment, deployment
from tests.e2e.local_run import check_coordinates, expected_records, read_table, rows, write_source

MOMENTS_TOLERANCE = 1e-8

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def is_mapped(one: Deployment) -> bool:
    found = rows(one.output)
    return {row["id"]: row["text"] for row in found} == expected_records(one.sources)


async def check_ledger(one: Deployment) -> None:
    """Wait until it closes: the files may be there before the news of them."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.cli", "status", "--json",
                env=one.environment(), stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, _ = await process.communicate()
            told = json.loads(out) if out.strip() else {}
            records = told.get("records", {})
            lag = [stage["lag"] for stage in told["stages"].values()] if told else [1]
            if records.get("seen") and not records["in_flight"] and not any(lag):
                break
            await asyncio.sleep(0.3)
    assert records["seen"] == records["mapped"] + records["dead"]
    assert records["mapped"] == len(expected_records(one.sources))
    assert told["model"]["records"] == told["dataset"]["rows"] == records["mapped"]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_services_start_in_any_order_before_the_bus_and_its_streams(
    seed: int, tmp_path: Path
) -> None:
    order = [*SERVICES, "text2vec"]
    random.Random(seed).shuffle(order)  # noqa: S311
    async with deployment(tmp_path) as one:
        write_source(one.sources / "a.jsonl", 20, "somebody")
        late = order.pop()
        for service in order:
            one.start(service)
        await one.until(lambda: all(one.log(name) for name in order if name in SERVICES))
        await one.nats.start()
        await one.until(
            lambda: all(
                "create it with: mapstream streams apply" in one.log(name)
                for name in order
                if name in SERVICES
            )
        )
        one.start(late)
        await one.apply_streams()
        await one.until(lambda: is_mapped(one))
        await check_ledger(one)
        check_coordinates(one.output)
        codes = {name: await one.stop(name) for name in SERVICES}

    assert one.ended == []
    assert set(codes.values()) == {0}


async def test_a_graceful_stop_leaves_nothing_that_is_neither_done_nor_handed_back(
    tmp_path: Path,
) -> None:
    """Every stage is stopped again and again while records flow.

    What one of them kept for itself would come again long after this test has lost its patience.
    """
    chance = random.Random(7)  # noqa: S311
    async with deployment(tmp_path, MAPSTREAM_NATS__ACK_WAIT_S="3600") as one:
        await one.nats.start()
        await one.apply_streams()
        for service in (*SERVICES, "text2vec"):
            one.start(service)
        for number in range(24):
            write_source(one.sources / f"s{number}.jsonl", 60, f"agent {number}")
        await one.until(lambda: len(rows(one.output)) > 0)
        for number in range(8):
            name = SERVICES[number % 4]
            write_source(one.sources / f"t{number}.jsonl", 60, f"agent {number}")
            starts = 1 + number // 4
            await one.until(lambda: one.log(name).count("service.running") == starts)  # noqa: B023
            await asyncio.sleep(chance.random())
            code = await one.stop(name)
            assert code == 0, one.log(name)[-3000:]
            one.start(name)
        await one.until(lambda: is_mapped(one))
        await check_ledger(one)
        check_coordinates(one.output)


async def test_a_bus_that_forgets_everything_while_all_run(tmp_path: Path) -> None:
    """With records, models, commands and dead letters on their way."""
    async with deployment(tmp_path) as one:
        await one.nats.start()
        await one.apply_streams()
        for service in (*SERVICES, "text2vec"):
            one.start(service)
        for number in range(20):
            write_source(one.sources / f"s{number}.jsonl", 60, f"agent {number}")
        with (one.sources / "s0.jsonl").open("r+") as file:
            rest = file.read()
            file.seek(0)
            file.write("not JSON\n" + rest)
        await one.until(lambda: len(rows(one.output)) > 0)
        await one.stop("projection")
        client = await nats.connect(one.nats.url)
        for command in ("refit", "rollback", "refit"):
            await client.jetstream().publish(f"command.{command}.default", b"{}")
        await client.close()
        for number in range(10):
            write_source(one.sources / f"t{number}.jsonl", 30, f"late agent {number}")
        write_source(one.sources / "s1.jsonl", 10, "changed")
        await asyncio.sleep(1)
        one.start("projection")
        await one.nats.kill()
        one.nats.wipe()
        await one.nats.start()
        write_source(one.sources / "u.jsonl", 30, "after it")
        await one.apply_streams()
        await one.until(lambda: is_mapped(one))
        check_coordinates(one.output)
        await one.until(lambda: len(rows(one.output)) == len(expected_records(one.sources)))

    assert {(name, code) for name, code in one.ended if code} <= {(name, 71) for name in SERVICES}


async def test_one_lost_stream_takes_no_model_with_it(tmp_path: Path) -> None:
    """Projection made a model; the stream is lost before writing has read of it."""
    async with deployment(tmp_path) as one:
        await one.nats.start()
        await one.apply_streams()
        for service in (*SERVICES, "text2vec"):
            one.start(service)
        write_source(one.sources / "a.jsonl", 60, "agent a")
        await one.until(lambda: is_mapped(one))
        await one.stop("writing")
        client = await nats.connect(one.nats.url)
        js = client.jetstream()
        before = (await newest_model(js))["version"]
        await js.publish("command.refit.default", b'{"force": true}')
        async with asyncio.timeout(PATIENCE_S):
            while (made := await newest_model(js))["version"] == before:
                await asyncio.sleep(0.1)

        await js.delete_stream("PROJECTION")
        await one.apply_streams()
        one.start("writing")
        await one.until(lambda: model_of_the_map(one) == made["version"])
        check_coordinates(one.output)
        await client.close()

    assert ("projection", 71) in one.ended


async def newest_model(js: JetStreamContext) -> dict[str, Any]:
    message = await js.get_last_msg("EVENTS", "projection.updated.default")
    model: dict[str, Any] = json.loads(message.data or b"")["model"]
    return model


def model_of_the_map(one: Deployment) -> int:
    metadata = read_table(one.output / "default" / "logs.parquet").schema.metadata
    return int(json.loads(metadata[b"mapstream.model"])["version"])


async def test_a_bus_that_forgets_which_vectors_were_to_leave(tmp_path: Path) -> None:
    """A source was changed and one forgotten; projection has not yet heard of it."""
    async with deployment(tmp_path) as one:
        await one.nats.start()
        await one.apply_streams()
        for service in (*SERVICES, "text2vec"):
            one.start(service)
        for number in range(4):
            write_source(one.sources / f"s{number}.jsonl", 20, f"agent {number}")
        await one.until(lambda: is_mapped(one))
        await check_ledger(one)
        old = expected_records(one.sources).keys()

        await one.stop("writing")
        write_source(one.sources / "s1.jsonl", 10, "changed")
        client = await nats.connect(one.nats.url)
        js = client.jetstream()
        await js.publish("command.forget.default", b'{"source": "s2.jsonl"}')
        await until_stored(js, "projection.batch.default", 2)
        (one.sources / "s2.jsonl").unlink()
        await one.stop("projection")
        one.start("writing")
        await until_stored(js, "writing.retraction.default", 1)
        await one.until(
            lambda: (
                "message.retry_scheduled" in one.log("writing")
                or {row["id"] for row in rows(one.output)} != old
            )
        )
        await client.close()

        await one.nats.kill()
        one.nats.wipe()
        await one.nats.start()
        await one.apply_streams()
        one.start("projection")
        write_source(one.sources / "u.jsonl", 5, "after it")
        await one.until(lambda: is_mapped(one))
        await check_ledger(one)
        check_coordinates(one.output)
        await one.stop("projection")
        state = await check_moments(one)

    assert state.model is not None
    assert state.model.version > state.forgotten_version > 0
    assert not state.owes_refit


async def until_stored(js: JetStreamContext, subject: str, wanted: int) -> None:
    """Wait until a stream holds so many messages of a subject."""
    stream = await js.find_stream_name_by_subject(subject)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            info = await js.stream_info(stream, subjects_filter=subject)
            if (info.state.subjects or {}).get(subject, 0) >= wanted:
                return
            await asyncio.sleep(0.1)


async def check_moments(one: Deployment) -> CollectionState:
    """Compare what projection has counted with what is stored; it must have been stopped."""
    async with open_store(one.folder / "state" / "projection" / "projection.sqlite") as store:
        state = await store.load("default")
    column = pq.read_table(one.output / "default" / "embeddings.parquet")["vector"]
    direct = Moments.of(np.asarray(column.to_pylist(), dtype=np.float32))
    assert state.moments is not None
    assert state.moments.count == direct.count
    for found, wanted in (
        (state.moments.mean, direct.mean),
        (state.moments.scatter, direct.scatter),
    ):
        assert np.abs(found - wanted).max() <= MOMENTS_TOLERANCE * np.abs(wanted).max()
    return state
