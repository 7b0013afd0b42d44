"""What cannot be handled yet waits where it is: nothing grows without bound or is dropped."""

from pathlib import Path

import pytest

from tests.e2e.local_run import (
    check_coordinates,
    expected_records,
    live_run,
    rows,
    run_once,
    wait_for_rows,
)
from tests.fakes.embedding_server import EmbeddingServer
from tests.soak.backpressure import (
    MIB,
    WORK,
    SlowEmbedder,
    shrink,
    sluggards,
    stopped,
    table,
    watching,
    write_config,
    write_long_source,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
RECORDS = 20_000
LIMIT = MIB
MEMORY = 600 * MIB
PATIENCE_S = 400


async def test_a_slow_embedder_and_a_stopped_writer_stop_the_others_and_lose_nothing(
    tmp_path: Path,
) -> None:
    folder, output = tmp_path / "runs", tmp_path / "out"
    folder.mkdir()
    embedder = SlowEmbedder(1.0, dimension=32)
    async with EmbeddingServer(embedder).running() as url:
        config = write_config(tmp_path / "config.yaml", url, timeout_s=4)
        async with live_run(folder, output, "--config", str(config)) as run:
            async with watching(run) as watch, sluggards(run.url):
                await shrink(watch.js, LIMIT)
                write_long_source(folder / "long.jsonl", RECORDS)

                await watch.until(lambda: watch.streams["DISCOVERY"] > 0.8 * LIMIT, PATIENCE_S)
                await watch.until(lambda: embedder.embedded >= 12, PATIENCE_S)
                assert embedder.embedded < 200
                at_rest = dict(watch.streams)

                async with stopped(run, "writing"):
                    embedder.texts_per_s = None
                    await watch.until(
                        lambda: watch.streams["PROJECTION"] > 0.8 * LIMIT, PATIENCE_S
                    )
                    await watch.seconds(3)
                await watch.until(lambda: embedder.embedded >= RECORDS, PATIENCE_S)
            await wait_for_rows(output, lambda found: len(found) >= RECORDS)
            assert await run.stop() == 0
        finished = await run_once(folder, output, "--config", str(config))

    assert at_rest["PROJECTION"] < LIMIT / 2, table(watch)
    assert {name: size for name, size in watch.streams.items() if size > LIMIT} == {}
    assert {name: size for name, size in watch.rss.items() if size > MEMORY} == {}, table(watch)
    assert set(watch.streams) >= set(WORK)
    assert finished.code == 0, finished.text
    assert finished.summary["records"] == {
        "seen": RECORDS, "mapped": RECORDS, "dead": 0, "in_flight": 0,
    }  # fmt: skip
    found = rows(output)
    assert len(found) == RECORDS
    assert {row["id"]: row["text"] for row in found} == expected_records(folder)
    check_coordinates(output)
