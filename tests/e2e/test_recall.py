"""No text is embedded twice: seen from the embedding server and in the files."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.e2e.local_run import expected_records, run_once
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CANARY = "The quick brown fox jumps over the lazy dog."
LINES = 300


def write_log(file: Path, changed: int | None = None) -> None:
    lines = [
        {"type": "iteration", "iteration": number, "response": f"step {number}"}
        for number in range(LINES)
    ]
    if changed is not None:
        lines[changed]["response"] = "another step"
    file.write_text("".join(json.dumps(one) + "\n" for one in [*lines, {"final_answer": "x"}]))


async def test_of_a_log_that_changed_in_a_line_only_that_line_is_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, output = tmp_path / "runs", tmp_path / "out"
    folder.mkdir()
    write_log(folder / "a.jsonl")
    fake = FakeEmbedder()
    async with EmbeddingServer(fake).running() as url:
        monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", url)
        first = await run_once(folder, output)
        fake.requests.clear()
        write_log(folder / "a.jsonl", changed=LINES // 2)
        estimate = await run_once(folder, output, "--dry-run")
        second = await run_once(folder, output)

    assert (first.code, estimate.code, second.code) == (0, 0, 0), first.text + second.text
    texts = [text for request in fake.requests for text in request]
    assert [text for text in texts if text != CANARY] == ["another step"]
    told = estimate.summary
    records = expected_records(folder)
    assert told["texts"] - told["known_texts"] == 1
    assert told["tokens_to_embed"] in (3, 4)  # about four characters each
    assert second.summary["embedding"]["recalled_texts"] == len(set(records.values())) - 1
    logs = pq.read_table(output / "default" / "logs.parquet").to_pylist()
    vectors = pq.read_table(output / "default" / "embeddings.parquet").to_pylist()
    assert {row["id"]: row["text"] for row in logs} == records
    by_id = {row["id"]: row["vector"] for row in vectors}
    for row in logs:
        wanted = fake.vector(row["text"])
        assert np.allclose(by_id[row["id"]], wanted / np.linalg.norm(wanted), atol=1e-6)
