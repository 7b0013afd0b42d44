"""A map that was really made, and damage done to it by hand."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pytest

from services.cli.commands import verify
from services.writing.adapters import sqlite_staging as staging
from shared import sqlite_state
from shared.sqlite_state import sql
from tests.e2e.local_run import EXAMPLES, run_once

FIRST = "WHERE source_id = (SELECT min(source_id) FROM sources WHERE mapped > 0)"


Damage = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Made:
    sources: Path
    today: Path
    yesterday: Path
    """The same map before its last sources came."""


def make_map(folder: Path) -> Made:
    sources = folder / "runs"
    shutil.copytree(EXAMPLES, sources)
    late = sorted(sources.glob("*.jsonl"))[:4]
    for file in late:
        file.rename(folder / file.name)
    asyncio.run(run_once(sources, folder / "out"))
    shutil.copytree(folder / "out", folder / "yesterday")
    for file in late:
        (folder / file.name).rename(file)
    asyncio.run(run_once(sources, folder / "out"))
    return Made(sources, folder / "out", folder / "yesterday")


async def verified(
    output: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    is_repair: bool = False,
    with_sources: bool = False,
) -> tuple[int, dict[str, Any]]:
    options = verify.VerifyOptions(
        output=output,
        state=output / "state",
        collection=None,
        is_json=True,
        is_repair=is_repair,
        with_sources=with_sources,
    )
    code = await verify.verify_folders(options)
    (told,) = json.loads(capsys.readouterr().out)
    return code, told


def table(output: Path) -> Any:
    return lance.dataset(str(output / "default" / "store.lance"))


def first_row(output: Path) -> pa.Table:
    return table(output).to_table().sort_by("id").slice(0, 1)


def of_first(output: Path) -> str:
    return f"id = '{first_row(output)['id'][0].as_py()}'"


def change(output: Path, owner: str, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(output / "state" / owner / f"{owner}.sqlite")) as db, db:
        assert db.execute(statement, values).rowcount > 0


def remove_row(output: Path, _: Path) -> None:
    table(output).delete(of_first(output))


def repeat_row(output: Path, _: Path) -> None:
    lance.write_dataset(first_row(output), table(output).uri, mode="append")


def change_vector(output: Path, _: Path) -> None:
    row = first_row(output)
    at = row.schema.get_field_index("vector")
    vector = np.array(row["vector"][0].as_py(), dtype=np.float32)
    vector[0] += 0.001
    changed = pa.array([vector.tolist()], type=row.schema.field("vector").type)
    table(output).delete(of_first(output))
    row = row.set_column(at, row.schema.field("vector"), changed)
    lance.write_dataset(row, table(output).uri, mode="append")


def change_text(output: Path, _: Path) -> None:
    table(output).update({"text": "'something else'"}, where=of_first(output))


def edit_moments(output: Path, _: Path) -> None:
    """Of so few records, the moments are the vectors that came."""
    file = output / "state" / "projection" / "projection.sqlite"
    with closing(sqlite3.connect(file)) as db:
        name, data = db.execute("SELECT batch_id, vectors FROM changes").fetchone()
    numbers = np.frombuffer(data, np.float32).copy()
    numbers[1] += 1e-3
    edit = "UPDATE changes SET vectors = ? WHERE batch_id = ?"
    change(output, "projection", edit, numbers.tobytes(), name)


def lose_model(output: Path, _: Path) -> None:
    newest = "DELETE FROM models WHERE version = (SELECT max(version) FROM models)"
    change(output, "projection", newest)


def bring_files_of_yesterday(output: Path, yesterday: Path) -> None:
    for name in ("logs.parquet", "embeddings.parquet"):
        shutil.copy(yesterday / "default" / name, output / "default" / name)


def bring_one_file_of_yesterday(output: Path, yesterday: Path) -> None:
    shutil.copy(yesterday / "default" / "logs.parquet", output / "default" / "logs.parquet")


def remove_ledger_row(output: Path, _: Path) -> None:
    change(output, "discovery", sql("DELETE FROM sources", FIRST))


def remove_batch_id(output: Path, _: Path) -> None:
    first = "DELETE FROM batches WHERE batch_id = (SELECT min(batch_id) FROM batches)"
    change(output, "projection", first)


def bring_state_of_yesterday(output: Path, yesterday: Path) -> None:
    shutil.rmtree(output / "state")
    shutil.copytree(yesterday / "state", output / "state")


def lose_state(output: Path, _: Path) -> None:
    shutil.rmtree(output / "state")


def doubt_a_batch(output: Path, _: Path) -> None:
    doubt = "INSERT INTO doubts SELECT collection, batch_id, 's', 1, records, 'c' FROM batches"
    change(output, "projection", sql(doubt, "LIMIT 1"))


def stage_what_is_over(output: Path, _: Path) -> None:
    with closing(sqlite3.connect(output / "state" / "discovery" / "discovery.sqlite")) as db:
        ((source_id,),) = db.execute(sql("SELECT source_id FROM sources", FIRST)).fetchall()
    file = output / "default" / staging.FILENAME
    with closing(sqlite_state._open(file, staging.FORMAT)) as db, db:
        db.execute("INSERT INTO staged VALUES (1, ?, 1, 'batch', x'00')", (source_id,))


def await_what_is_not_staged(output: Path, _: Path) -> None:
    batch = """INSERT INTO batches (batch_id, source_id, records, mapped, dead, is_recorded,
        is_closed, is_settled, staged, is_staged)
        SELECT 'batch', source_id, 3, 0, 0, 1, 1, 1, 3, 1 FROM sources"""
    change(output, "discovery", sql(batch, FIRST))


def lose_what_is_staged(output: Path, _: Path) -> None:
    """A second version was on its way, its batch told to wait; the staging is lost."""
    coming = """UPDATE sources SET status = 'dispatched', completed_at = NULL, staged = 3,
        mapped = 0, seen = 3, source_version = source_version + 1, shown_version = NULL"""
    change(output, "discovery", sql(coming, FIRST))
    batch = """INSERT INTO batches (batch_id, source_id, records, mapped, dead, is_recorded,
        is_closed, is_settled, staged, is_staged)
        SELECT 'batch', source_id, 3, 0, 0, 1, 1, 1, 3, 1 FROM sources"""
    change(output, "discovery", sql(batch, "WHERE status = 'dispatched'"))


def miss_what_was_settled(output: Path, _: Path) -> None:
    """What writing told of a batch never came to projection."""
    with closing(sqlite3.connect(output / "state" / "projection" / "projection.sqlite")) as db:
        before = db.execute("SELECT count(*) FROM candidates").fetchone()
    candidate = """INSERT INTO candidates SELECT collection, batch_id, 's', 1, records, 'c', 1, 1,
        0, 384 FROM batches LIMIT 1"""
    change(output, "projection", candidate)
    assert before == (0,)


def change_archived_model(output: Path, yesterday: Path) -> None:
    newest = max((output / "default" / "models").glob("*.json"), key=lambda one: int(one.stem))
    older = yesterday / "default" / "models" / "1.json"
    model = json.loads(older.read_text()) | {"version": int(newest.stem)}
    newest.write_text(json.dumps(model))
