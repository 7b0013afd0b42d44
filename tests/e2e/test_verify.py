"""``mapstream verify`` on a map that was really made, sound and damaged by hand."""

import shutil
from pathlib import Path

import pytest

from services.cli.commands import verify
from services.cli.domain.kept import What
from shared.errors import ConfigurationError
from shared.sqlite_state import sql
from tests.e2e.damages import (
    FIRST,
    Damage,
    Made,
    await_what_is_not_staged,
    bring_files_of_yesterday,
    bring_one_file_of_yesterday,
    bring_state_of_yesterday,
    change,
    change_archived_model,
    change_text,
    change_vector,
    doubt_a_batch,
    edit_moments,
    first_row,
    lose_model,
    lose_state,
    make_map,
    remove_batch_id,
    remove_ledger_row,
    remove_row,
    repeat_row,
    stage_what_is_over,
    table,
    verified,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_map(tmp_path_factory.mktemp("verify"))


@pytest.fixture
def output(made: Made, tmp_path: Path) -> Path:
    shutil.copytree(made.today, tmp_path / "out")
    return tmp_path / "out"


TEXT, VECTOR = (What.FILE_PART.format(part) for part in ("text", "vector"))
DAMAGES: dict[Damage, set[str]] = {
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
    doubt_a_batch: {What.IN_DOUBT},
    stage_what_is_over: {What.STAGED_OVER},
    await_what_is_not_staged: {What.STAGED_LOST},
    change_archived_model: {What.MODEL_VALUES, What.COORDINATES, What.FILE_MODEL},
}  # fmt: skip
"""What is done by hand, and all that must be named then."""


async def test_a_sound_map_is_equal(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = await verified(output, capsys)

    assert (code, told["differences"]) == (verify.EQUAL, [])
    assert told["is_equal"]
    assert told["rows"] == table(output).count_rows() > 0


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda one: one.__name__)
async def test_damage_is_named(
    damage: Damage,
    made: Made,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(output, made.yesterday)

    code, told = await verified(output, capsys)

    found = {one["what"] for one in told["differences"]}
    assert code == verify.DIFFERENT
    assert found >= DAMAGES[damage]
    assert not told["is_equal"]


async def test_the_source_of_a_lost_row_is_named(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filename = first_row(output)["filename"][0].as_py()
    remove_row(output, output)

    _, told = await verified(output, capsys)

    (one,) = [one for one in told["differences"] if one["what"] == What.ROWS]
    assert one["source"] == filename
    assert one["collection"] == "default"
    assert int(one["expected"].split()[0]) == int(one["found"].split()[0]) + 1


async def test_a_sound_map_is_what_its_sources_say(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = await verified(output, capsys, with_sources=True)

    assert (code, told["sources_not_read"]) == (verify.EQUAL, 0)


async def test_the_source_says_which_text_is_right(
    made: Made, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_text(output, made.yesterday)

    _, told = await verified(output, capsys, with_sources=True)

    assert What.SOURCE in {one["what"] for one in told["differences"]}


async def test_what_projection_waits_to_hear_of_is_not_at_rest(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = """INSERT INTO candidates SELECT collection, batch_id, 's', 1, records, 'c', 1, 1,
        0, 384 FROM batches LIMIT 1"""
    change(output, "projection", candidate)

    code, told = await verified(output, capsys)

    assert (code, told["batches_pending"]) == (verify.NOT_AT_REST, 1)


async def test_what_is_on_its_way_is_no_difference(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on_its_way = "UPDATE sources SET status = 'dispatched', mapped = 0"
    change(output, "discovery", sql(on_its_way, FIRST))

    code, told = await verified(output, capsys)

    assert code == verify.NOT_AT_REST
    assert (told["is_equal"], told["sources_under_way"]) == (False, 1)
    assert told["differences"] == []


async def test_what_cannot_be_read_is_a_mistake(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (output / "state" / "discovery" / "discovery.sqlite").write_bytes(b"no database")

    with pytest.raises(ConfigurationError, match=r"discovery\.sqlite: cannot be read"):
        await verified(output, capsys)


async def test_an_empty_folder_holds_no_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError, match="holds no map"):
        await verified(tmp_path, capsys)
