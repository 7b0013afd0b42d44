"""What writing tells of its rows is lost before projection has heard it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import nats
import pytest
from nats.js import JetStreamContext

from shared.bus.registry.batches import PROJECTION_BATCH
from shared.bus.registry.durables import PROJECTION_READS_SETTLED
from shared.bus.topology import backlog
from tests.e2e.deployment import SERVICES, Deployment, deployment
from tests.e2e.local_run import write_source
from tests.e2e.test_start_and_stop import is_mapped
from tests.e2e.test_volumes_lost import begin, verify
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
NEWS = PROJECTION_READS_SETTLED


async def test_what_became_of_pending_batches_is_read_from_the_dataset(tmp_path: Path) -> None:
    """The ledger has heard of it, and nobody would ever tell projection again."""
    async with deployment(tmp_path) as one:
        write_source(one.sources / "a.jsonl", 9, "steady")
        await begin(one, *SERVICES, "text2vec")
        await one.until(lambda: is_mapped(one))
        client = await nats.connect(f"nats://127.0.0.1:{one.nats_port}")
        js = client.jetstream()

        await one.stop("writing")
        write_source(one.sources / "b.jsonl", 5, "new")
        await until(lambda: has_projected(js))
        await one.stop("projection")
        one.start("writing")
        await one.until(lambda: is_mapped(one))
        told = (await backlog(js, NEWS, "default")).waiting
        await js.delete_consumer(NEWS.stream, NEWS.name("default"))
        await client.close()
        waited = candidates(one)
        await one.apply_streams()
        one.start("projection")

        await one.until(lambda: "state.counted_anew" in one.log("projection"))
        for service in SERVICES:
            await one.stop(service)
        code, found = await verify(one)
    assert told > 0
    assert waited == 1
    assert candidates(one) == 0
    assert (code, found["differences"]) == (0, [])


def candidates(one: Deployment) -> int:
    """Count the batches of which projection waits to hear."""
    with closing(sqlite3.connect(one.folder / "state" / "projection" / "projection.sqlite")) as db:
        ((count,),) = db.execute("SELECT count(*) FROM candidates").fetchall()
    return int(count)


async def has_projected(js: JetStreamContext) -> bool:
    """Tell whether a batch waits for writing, which is stopped."""
    subject = PROJECTION_BATCH.subject("default")
    info = await js.stream_info(PROJECTION_BATCH.stream, subjects_filter=subject)
    return (info.state.subjects or {}).get(subject, 0) > 0
