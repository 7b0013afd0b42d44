"""``mapstream model`` on folders of collections; no bus anywhere."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skops.io
from typer.testing import CliRunner, Result

from services.cli.app import build_app
from shared.contracts.model_document import ModelDocument
from shared.contracts.projection import ProjectionModel, encode_floats
from tests.builders import NOW, projection_model

VECTORS = np.random.default_rng(3).normal(size=(20, 5)).astype(np.float32)
MAIN = "import sys; sys.modules['skops'] = None; from services.cli.__main__ import main; main()"


def version(number: int, **changes: Any) -> ProjectionModel:
    """Each version was fitted a minute after the one before, to a vector more."""
    made = NOW + timedelta(minutes=number)
    return projection_model(VECTORS[: 9 + number], version=number, created_at=made, **changes)


def keep(folder: Path, *models: ProjectionModel) -> None:
    (folder / "models").mkdir(parents=True, exist_ok=True)
    for model in models:
        (folder / "models" / f"{model.version}.json").write_text(model.model_dump_json())


def show(folder: Path, model: ProjectionModel | None, **marks: str) -> None:
    """Write the public file with the model of its points."""
    told = {} if model is None else {"mapstream.model": model.model_dump_json()}
    table = pa.table({"id": ["a"]}).replace_schema_metadata(told | marks)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "logs.parquet")


def mapstream(*words: str | Path) -> Result:
    return CliRunner().invoke(build_app(), ["model", *map(str, words)])


def exported(*words: str | Path) -> ModelDocument:
    told = mapstream("export", "-o", "-", "--format", "json", *words)
    assert told.exit_code == 0, told.stderr
    return ModelDocument.model_validate_json(told.stdout)


def refused(told: Result, code: int, words: str) -> None:
    assert (told.exit_code, told.stdout) == (code, "")
    assert told.stderr.startswith("mapstream: ")
    assert words in told.stderr
    assert "Traceback" not in told.stderr


@pytest.fixture(autouse=True)
def wide_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paths of tests are long."""
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five models are kept; the points are of the fourth, as while the map is moved."""
    folder = tmp_path / "out" / "default"
    keep(folder, *map(version, (1, 2, 3, 4, 5)))
    show(folder, version(4))
    return folder


def test_the_current_model_is_that_of_the_points_in_the_file(folder: Path) -> None:
    assert exported("--from-dataset", folder) == ModelDocument.of(version(4))


def test_an_older_and_a_newer_version_are_exported_by_number(folder: Path) -> None:
    for number in (1, 5):
        found = exported("--from-dataset", folder, "--version", str(number))
        assert found == ModelDocument.of(version(number))


def test_a_file_alone_is_enough(tmp_path: Path) -> None:
    """Whoever was given the Parquet files has neither models nor state."""
    show(tmp_path, version(4))

    assert exported("--from-dataset", tmp_path).version == 4
    assert exported("--from-dataset", tmp_path, "--version", "4").version == 4


def test_before_files_were_published_the_newest_kept_model_is_the_current_one(
    tmp_path: Path,
) -> None:
    keep(tmp_path, version(9), version(10))

    assert exported("--from-dataset", tmp_path).version == 10


def test_the_end_of_the_name_tells_the_format_unless_it_is_said(
    folder: Path, tmp_path: Path
) -> None:
    for name, words in (("m.skops", ()), ("m.bin", ("--format", "skops"))):
        told = mapstream("export", "--from-dataset", folder, "-o", tmp_path / name, *words)
        assert told.exit_code == 0, told.stderr
        pca = skops.io.load(tmp_path / name)
        wanted = version(4).plane().project(VECTORS)
        np.testing.assert_allclose(pca.transform(VECTORS), wanted, rtol=0, atol=1e-6)
    told = mapstream("export", "--from-dataset", folder, "-o", tmp_path / "m.json")
    assert ModelDocument.model_validate_json((tmp_path / "m.json").read_bytes()).version == 4
    assert "model 4 of collection default (threshold)" in told.stdout
    assert f"{tmp_path / 'm.json'}: json" in told.stdout


def test_a_receipt_for_scripts(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.skops"

    told = mapstream("export", "--from-dataset", folder, "-o", file, "--json")

    assert json.loads(told.stdout) == {
        "collection": "default", "version": 4, "dimension": 5, "record_count": 13,
        "reason": "threshold", "created_at": "2026-01-01T00:04:00Z", "format": "skops",
        "file": str(file), "bytes": file.stat().st_size,
    }  # fmt: skip


def test_a_file_that_is_there_is_replaced_by_force_only(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text("mine")
    words = ("export", "--from-dataset", folder, "-o", file)

    refused(mapstream(*words), 2, f"{file}: is there already; replace it with --force")
    assert file.read_text() == "mine"
    assert mapstream(*words, "--force").exit_code == 0
    assert json.loads(file.read_text())["version"] == 4


def test_a_version_that_is_gone_is_told_with_those_that_are_there(folder: Path) -> None:
    (folder / "models" / "2.json").write_text("{")

    for number in (2, 99, 2**80):
        told = mapstream("export", "--from-dataset", folder, "-o", "-", "--format", "json",
                         "--version", str(number))  # fmt: skip
        words = f"there is no version {number} in {folder}, or it is kept no longer; kept: "
        refused(told, 1, f"{words}1, 3, 4, 5; 1 cannot be read")


def test_where_no_model_was_made_yet_there_is_none(tmp_path: Path) -> None:
    show(tmp_path, None)

    told = mapstream("export", "--from-dataset", tmp_path, "-o", "-", "--format", "json")

    refused(told, 1, f"there is no model in {tmp_path}: none was made yet")
    assert mapstream("list", "--from-dataset", tmp_path).stdout == f"0 models in {tmp_path}\n"


def test_a_folder_that_holds_no_map_leads_to_those_that_do(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    for place, words in ((folder.parent, f"such as {folder}"), (empty, "mapstream-out/default")):
        told = mapstream("list", "--from-dataset", place)
        refused(told, 2, f"{place}: holds no map; name the folder of a collection")
        assert words in told.stderr


def test_files_that_cannot_be_read_are_named(folder: Path) -> None:
    (folder / "logs.parquet").write_bytes(b"PAR1, or something like it")
    refused(mapstream("list", "--from-dataset", folder), 2, f"{folder / 'logs.parquet'}: cannot")
    show(folder, version(4))
    (folder / "models" / "3.json").unlink()
    (folder / "models" / "3.json").mkdir()

    told = mapstream("list", "--from-dataset", folder)

    refused(told, 2, f"{folder / 'models' / '3.json'}: cannot be read: Is a directory; name")


def changed(**fields: Any) -> str:
    return version(4).model_copy(update=fields).model_dump_json()


HOSTILE: Mapping[str, tuple[str, str]] = {
    "nothing": ("", "Invalid JSON"),
    "no JSON": ("{not json", "Invalid JSON"),
    "no object": ("[1]", "should be an object"),
    "very deep": ("[" * 100_000, "recursion limit"),
    "another thing": ('{"id": 3}', "collection: Field required"),
    "too short": (changed(dimension=6), "mean holds 5 floats, not 6"),
    "no numbers": (changed(mean=encode_floats(np.full(5, np.nan))), "NaN or infinite"),
    "impossible shares": (
        changed(explained_variance_ratio=(-1.0, 0.5)),
        "explained_variance_ratio.0: Input should be greater than or equal to 0 (given: -1.0)",
    ),
    "shares that are none": (
        changed().replace('_ratio":[', '_ratio":[NaN],"x":['), "explained_variance_ratio"
    ),
    "a name that acts on the terminal": (
        changed().replace('"default"', '"\\u001b[2J"'),
        "collection: String should match pattern",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_model_is_refused_with_file_field_and_remedy(kind: str, folder: Path) -> None:
    body, words = HOSTILE[kind]
    table = pa.table({"id": ["a"]}).replace_schema_metadata({"mapstream.model": body})
    pq.write_table(table, folder / "logs.parquet")

    told = mapstream("export", "--from-dataset", folder, "-o", folder / "m.skops")

    refused(told, 2, words)
    assert told.stderr.startswith(f"mapstream: {folder / 'logs.parquet'}: mapstream.model: ")
    assert "choose another with --version (see: mapstream model list)" in told.stderr
    assert "\x1b" not in told.stderr
    assert not (folder / "m.skops").exists()
    assert exported("--from-dataset", folder, "--version", "3").version == 3


def test_the_list_shows_every_model_once_and_which_is_current(folder: Path) -> None:
    told = mapstream("list", "--from-dataset", folder)

    rows = [line.split() for line in told.stdout.splitlines()]
    assert [row[0] for row in rows[1:6]] == ["1", "2", "3", "4", "5"]
    assert [row[0] for row in rows if row[-1] == "current"] == ["4"]
    assert rows[4][1:4] == ["2026-01-01", "00:04:00", "13"]
    assert told.stdout.endswith(f"5 models in {folder}\n")


def test_the_list_for_scripts_has_all_figures_and_tells_what_it_passes_over(folder: Path) -> None:
    (folder / "models" / "2.json").write_text("{")
    show(folder, version(2, explained_variance=None))

    told = mapstream("list", "--from-dataset", folder, "--json")

    items = json.loads(told.stdout)["items"]
    assert [(one["version"], one["is_current"]) for one in items] == [
        (1, False), (2, True), (3, False), (4, False), (5, False),
    ]  # fmt: skip
    assert items[0]["explained_variance"] == list(version(1).explained_variance or ())
    assert items[1]["explained_variance"] is None
    assert "mean" not in items[0]
    assert f"{folder / 'models' / '2.json'}: Invalid JSON" in told.stderr
    assert told.exit_code == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["-o", "m"], "m: in which format? Add --format skops or --format json"),
        (["-o", "m.pkl"], "m.pkl: in which format?"),
        (["-o", "-"], "-: in which format?"),
        (["-o", "m.json", "--format", "pickle"], "in which format?"),
        (["-o", "-", "--format", "json", "--json"], "leave one of them out"),
        (["-o", "m.json", "--url", "nats://here:1"], "leave out --url, --output and --collection"),
        (["-o", "m.json", "--collection", "default"], "leave out --url"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_read(
    words: list[str], problem: str
) -> None:
    refused(mapstream("export", "--from-dataset", "no-such-folder", *words), 2, problem)


def test_without_scikit_learn_there_is_json(folder: Path, tmp_path: Path) -> None:
    """As in the container of the command line."""

    def run(name: str) -> subprocess.CompletedProcess[str]:
        words = ["model", "export", "--from-dataset", str(folder), "-o", str(tmp_path / name)]
        return subprocess.run(
            [sys.executable, "-c", MAIN, *words], capture_output=True, text=True, check=False
        )

    told = run("m.skops")
    assert told.returncode == 2
    assert told.stderr.startswith("mapstream: the format skops needs scikit-learn and skops")
    assert run("m.json").returncode == 0
    assert [one.name for one in tmp_path.glob("m.*")] == ["m.json"]


def test_scikit_learn_is_loaded_by_nothing_but_the_format_that_needs_it(folder: Path) -> None:
    """It takes a second; every other command would spend it, too."""
    code = (
        "import sys, pkgutil, importlib, services.cli.commands as c\n"
        "for one in pkgutil.iter_modules(c.__path__): "
        "importlib.import_module('services.cli.commands.' + one.name)\n"
        "from typer.testing import CliRunner; from services.cli.app import build_app\n"
        f"words = ['model', 'export', '--from-dataset', {str(folder)!r}]\n"
        "told = CliRunner().invoke(build_app(), [*words, '-o', '-', '--format', 'json'])\n"
        "assert told.exit_code == 0\n"
        "print(*sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"sklearn", "skops", "scipy", "joblib"} & set(done.stdout.split()) == set()


@pytest.mark.parametrize("place", ["/dev/full"])
def test_a_standard_output_that_takes_nothing_is_no_success(place: str, folder: Path) -> None:
    words = ["export", "--from-dataset", str(folder), "-o", "-", "--format", "json"]
    with Path(place).open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", "model", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert done.returncode == 2
    assert done.stderr.startswith("mapstream: -o -: cannot be written: No space left on device")
