"""``mapstream verify`` on a map that was really made, sound and damaged by hand."""

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
from services.cli.domain.kept import What
from shared.errors import ConfigurationError
from shared.sqlite_state import sql
from tests.e2e.local_run import EXAMPLES, run_once

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
FIRST = "WHERE source_id = (SELECT min(source_id) FROM sources WHERE mapped > 0)"


@dataclass(frozen=True)
class Made:
    today: Path
    yesterday: Path
    """The same map before its last sources came."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("verify")
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
    return Made(folder / "out", folder / "yesterday")


@pytest.fixture
def output(made: Made, tmp_path: Path) -> Path:
    shutil.copytree(made.today, tmp_path / "out")
    return tmp_path / "out"


def verified(output: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    options = verify.VerifyOptions(
        output=output, state=output / "state", collection=None, is_json=True
    )
    code = asyncio.run(verify.verify_folders(options))
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


def change_archived_model(output: Path, yesterday: Path) -> None:
    newest = max((output / "default" / "models").glob("*.json"), key=lambda one: int(one.stem))
    older = yesterday / "default" / "models" / "1.json"
    model = json.loads(older.read_text()) | {"version": int(newest.stem)}
    newest.write_text(json.dumps(model))


TEXT, VECTOR = (What.FILE_PART.format(part) for part in ("text", "vector"))
DAMAGES: dict[Callable[[Path, Path], None], set[str]] = {
    remove_row: {What.ROWS, What.BATCH_RECORDS, What.MOMENTS, What.FILE_ROWS},
    repeat_row: {What.TWICE, What.ROWS, What.BATCH_RECORDS, What.MOMENTS, What.FILE_ROWS},
    change_vector: {VECTOR, What.MOMENTS, What.COORDINATES},
    change_text: {TEXT},
    edit_moments: {What.MOMENTS},
    lose_model: {What.MODEL},
    bring_files_of_yesterday: {What.FILE_ROWS, What.FILE_MODEL},
    bring_one_file_of_yesterday: {What.FILES},
    remove_ledger_row: {What.NOT_IN_LEDGER},
    remove_batch_id: {What.BATCH_NOT_COUNTED},
    bring_state_of_yesterday: {
        What.NOT_IN_LEDGER, What.BATCH_NOT_COUNTED, What.MOMENTS, What.MODEL,
    },
    lose_state: {What.NOT_IN_LEDGER, What.BATCH_NOT_COUNTED, What.MOMENTS, What.MODEL},
    change_archived_model: {What.MODEL_VALUES, What.COORDINATES, What.FILE_MODEL},
}  # fmt: skip
"""What is done by hand, and all that must be named then."""


def test_a_sound_map_is_equal(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = verified(output, capsys)

    assert (code, told["differences"]) == (verify.EQUAL, [])
    assert told["is_equal"]
    assert told["rows"] == table(output).count_rows() > 0


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda one: one.__name__)
def test_damage_is_named(
    damage: Callable[[Path, Path], None],
    made: Made,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(output, made.yesterday)

    code, told = verified(output, capsys)

    found = {one["what"] for one in told["differences"]}
    assert code == verify.DIFFERENT
    assert found >= DAMAGES[damage]
    assert not told["is_equal"]


def test_the_source_of_a_lost_row_is_named(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filename = first_row(output)["filename"][0].as_py()
    remove_row(output, output)

    _, told = verified(output, capsys)

    (one,) = [one for one in told["differences"] if one["what"] == What.ROWS]
    assert one["source"] == filename
    assert one["collection"] == "default"
    assert int(one["expected"].split()[0]) == int(one["found"].split()[0]) + 1


def test_what_is_on_its_way_is_no_difference(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on_its_way = "UPDATE sources SET status = 'dispatched', mapped = 0"
    change(output, "discovery", sql(on_its_way, FIRST))

    code, told = verified(output, capsys)

    assert code == verify.NOT_AT_REST
    assert (told["is_equal"], told["sources_under_way"]) == (False, 1)
    assert told["differences"] == []


def test_what_cannot_be_read_is_a_mistake(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (output / "state" / "discovery" / "discovery.sqlite").write_bytes(b"no database")

    with pytest.raises(ConfigurationError, match=r"discovery\.sqlite: cannot be read"):
        verified(output, capsys)


def test_an_empty_folder_holds_no_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError, match="holds no map"):
        verified(tmp_path, capsys)
