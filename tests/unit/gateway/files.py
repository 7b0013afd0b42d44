"""Public files as writing leaves them, with texts and vectors of one's own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2026, 1, 1, tzinfo=UTC)


def name_of(number: int) -> str:
    return f"{number:032x}"


def write_files(
    folder: Path,
    texts: Sequence[str],
    vectors: Sequence[Sequence[float]] = (),
    *,
    attributes: Sequence[str | None] = (),
    group_rows: int = 3,
) -> None:
    count = len(texts)
    times = [START + timedelta(minutes=one) for one in range(count)]
    columns: dict[str, Any] = {
        "id": [name_of(one) for one in range(count)],
        "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
        "filename": [f"{one % 2}.jsonl" for one in range(count)],
        "text": texts,
        "iteration": pa.array(range(count), pa.int32()),
        "idx_in_iteration": pa.array([0] * count, pa.int32()),
        "type": ["iteration"] * count,
        "attributes": pa.array(attributes or [None] * count, pa.string()),
        "arrived_at": pa.array(times, pa.timestamp("us", tz="UTC")),
        "projection_x": pa.array([-0.5] * count, pa.float32()),
        "projection_y": pa.array([1.5] * count, pa.float32()),
        "source_version": pa.array([1] * count, pa.int32()),
    }
    folder.mkdir(parents=True, exist_ok=True)
    logs = pa.table(columns)
    pq.write_table(logs, folder / "logs.parquet", row_group_size=group_rows)
    if vectors:
        kind = pa.list_(pa.float32(), len(vectors[0]))
        whole = pa.table({"id": columns["id"], "vector": pa.array(vectors, kind)})
        pq.write_table(whole, folder / "embeddings.parquet", row_group_size=group_rows)
