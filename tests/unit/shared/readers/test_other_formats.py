"""Parquet, JSON, text and Markdown become tables, too."""

import datetime as dt
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared.readers.errors import UnreadableFileError
from tests.unit.shared.readers.readings import read


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def test_parquet_as_it_is() -> None:
    table = pa.table(
        {
            "big": [2**62 + 1, None],
            "part": [0.1, 2.0],
            "day": [dt.date(2020, 1, 2), None],
            "price": [Decimal("1.50"), Decimal("2.00")],
            "name": ["007", "é"],
            "tags": [["a", "b"], []],
            "is": [True, False],
        }
    )

    found = read(parquet(table), "a.csv")
    assert found.columns == ["big", "part", "day", "price", "name", "tags", "is"]
    assert found.rows == [
        [str(2**62 + 1), "0.1", "2020-01-02", "1.50", "007", '["a", "b"]', "TRUE"],
        ["", "2.0", "", "2.00", "é", "[]", "FALSE"],
    ]


def test_parquet_that_is_damaged_or_holds_too_much() -> None:
    data = parquet(pa.table({"a": ["x" * 100] * 1000}))
    with pytest.raises(UnreadableFileError, match="damaged"):
        read(data[:-200])
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["x" * 5000])
    with pytest.raises(UnreadableFileError, match="far more than it takes"):
        read(parquet(pa.table({"a": words})))
    with pytest.raises(UnreadableFileError, match="16385 columns"):
        read(
            parquet(pa.table({f"c{number}": pa.array([], pa.int8()) for number in range(16_385)}))
        )


def test_any_lines_of_json() -> None:
    objects = [{"a": "x", "n": 1.0}, {"b": {"c": [1]}, "a": None}, {"a": "línea\ndos"}]
    lines = [json.dumps(one, ensure_ascii=False) for one in objects]

    found = read("\n".join([lines[0], "", lines[1], "{oops", "[1]", lines[2]]), "a.jsonl")
    assert found.columns == ["a", "n", "b"]
    assert found.rows == [["x", "1.0", ""], ["", "", '{"c": [1]}'], ["línea\ndos", "", ""]]
    assert [(one.number, one.reason.split(":")[0]) for one in found.bad] == [
        (4, "it is no JSON"), (5, "it is JSON, but no object"),
    ]  # fmt: skip
    assert [one.number for one in found.records] == [1, 3, 6]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_document_with_a_list_of_objects(indent: int | None) -> None:
    data = json.dumps([{"a": 1}, {"a": 2, "b": "x"}], indent=indent)

    assert read(data, "a.json").rows == [["1", ""], ["2", "x"]]


def test_fields_that_few_objects_have_share_a_column() -> None:
    data = "".join(json.dumps({"id": n, f"k{n}": n}) + "\n" for n in range(500))

    found = read(data, "a.jsonl")
    assert found.columns == ["id", "other fields"]
    assert found.rows[3] == ["3", '{"k3": 3}']
    assert "many-fields" in found.warned


def test_hostile_json_costs_one_line() -> None:
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    found = read(f'{deep}\n{{"a": {"9" * 10_000}}}\n{{"a": 1}}\n', "a.jsonl")

    assert [one.number for one in found.bad] == [1, 2]
    assert found.rows == [["1"]]


def test_text_by_paragraphs() -> None:
    found = read("One\ntwo\n\n\nthree\r\n\r\n  four", "a.txt")

    assert found.rows == [["One\ntwo"], ["three"], ["  four"]]
    assert [one.number for one in found.records] == [1, 5, 7]


def test_a_long_paragraph_is_several_records() -> None:
    lines = [f"line {n} " + "x" * 90 for n in range(300)]

    found = read("\n".join(lines), "a.txt")
    assert len(found.rows) > 1
    assert "\n".join(row[0] for row in found.rows) == "\n".join(lines)


def test_markdown_under_its_headings() -> None:
    text = "intro\n\n# A\ntext\n\n## B ##\n```\n# no heading\n\ncode\n```\nmore\n# C\nlast\n"

    assert read(text, "a.md").rows == [
        ["", "intro"],
        ["A", "text"],
        ["A / B", "```\n# no heading\n\ncode\n```\nmore"],
        ["C", "last"],
    ]
