"""``mapstream look``, as it is typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.app import build_app

TEXT = "Sales\n\nid,name,amount\n" + "".join(f"{n},name {n},{n}.50\n" for n in range(1, 10))


def look(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(), ["look", *arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    path.write_text(TEXT)
    return path


def test_it_shows_what_is_read_and_why(file: Path) -> None:
    result = look(str(file))

    assert result.exit_code == 0
    for said in ("csv", "utf-8: all of it is ASCII", "comma", "line 3", "9 records in 3 columns",
                 "name 1 · name 2 · name 3", "rows before the header"):  # fmt: skip
        assert said in result.stdout


def test_as_json(file: Path) -> None:
    found = json.loads(look(str(file), "--json").stdout)

    (table,) = found["tables"]
    assert (found["format"], table["rows"], table["header"]) == ("csv", 9, [3])
    assert table["notes"] == [{"row": 1, "text": "Sales"}]
    assert table["columns"][0] == {"name": "id", "filled": 9, "examples": ["1", "2", "3"]}
    assert [one["code"] for one in found["warnings"]] == ["notes", "blank"]


def test_every_record_is_a_line_and_what_is_to_be_known_goes_elsewhere(file: Path) -> None:
    result = look(str(file), "--rows")

    printed = [json.loads(line) for line in result.stdout.splitlines()]
    assert printed[0] == ["id", "name", "amount"]
    assert printed[1:] == [[str(n), f"name {n}", f"{n}.50"] for n in range(1, 10)]
    assert "rows before the header" in result.stderr


def test_rows_that_cannot_be_read_are_named_and_change_the_exit_code(file: Path) -> None:
    file.write_text(TEXT + "10,a,b,c\n")

    result = look(str(file), "--rows")
    assert result.exit_code == 3
    assert "row 13 is left out: it has 4 cells and the table 3 columns" in result.stderr
    assert look(str(file)).exit_code == 3
    assert "row 13: it has 4 cells" in look(str(file)).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--delimiter", "ab"], "one character"),
        (["--encoding", "latin-99"], "latin-99: unknown"),
        (["--format", "word"], "known are csv"),
    ],
)
def test_what_is_told_wrongly_is_a_mistake(file: Path, arguments: list[str], said: str) -> None:
    result = look(str(file), *arguments)

    assert result.exit_code == 2
    assert said in result.stderr


def test_a_file_that_cannot_be_read_says_which_and_why(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"%PDF-1.7")

    for name, said in (("a.csv", "it is a PDF"), ("b.csv", "No such file"), (".", "is no file")):
        result = look(str(tmp_path / name))
        assert result.exit_code == 2
        assert str(tmp_path / name) in result.stderr
        assert said in result.stderr


def test_what_a_person_says_goes_first(file: Path) -> None:
    assert json.loads(look(str(file), "--rows", "--header-row", "0").stdout.splitlines()[0]) == [
        "column 1", "column 2", "column 3",
    ]  # fmt: skip
    assert json.loads(look(str(file), "--json", "--delimiter", "tab").stdout)["tables"][0][
        "columns"
    ][0]["filled"]
