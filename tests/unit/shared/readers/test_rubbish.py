"""What is no text, or says of itself something else than it is, is never read in silence."""

from pathlib import Path

import numpy as np
import pytest

from shared.readers.errors import UnreadableFileError
from shared.readers.told import Told
from tests.unit.shared.readers.readings import read

TABLE = "имя,город\nЛилия,Пинск\nИлья,Ржев\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"MZ\x90\0\x03\0\0\0", "program of Windows"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "sound"),
        (b"\x93NUMPY\x01\0v\0{'descr': '<f8'}", "NumPy"),
        (rb"{\rtf1\ansi Hello}", "RTF"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b'<?xml version="1.0"?><Workbook/>', "XML"),
        (b'\xef\xbb\xbf\r\n<?xml version="1.0"?><a/>', "XML"),
    ],
)
def test_files_of_other_programs_are_named(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason):
        read(data, "a.csv")


@pytest.mark.parametrize("text", ["MZ,RIFF\n1,2\n3,4\n", "ORC\nelf\n", "ID3,b\n1,2\n"])
def test_text_that_begins_as_they_do_is_text(text: str) -> None:
    assert read(text).columns == text.splitlines()[0].split(",")


@pytest.mark.parametrize("size", [200, 4000, 200_000])
def test_bytes_at_random_are_no_table(size: int) -> None:
    with pytest.raises(UnreadableFileError, match="no text"):
        read(b"A" + np.random.default_rng(size).bytes(size), "a.csv")


def test_xml_that_is_told_to_be_text_is_read_as_that() -> None:
    data = '<?xml version="1.0"?>\n<note>hello</note>\n'
    assert read(data, "a.xml", Told(format="text")).rows == [[data.strip()]]


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.ods", "a.parquet"])
def test_a_name_that_promises_something_else_is_told(name: str) -> None:
    found = read("a;b\n1;2\n3;4\n", name)
    assert found.rows == [["1", "2"], ["3", "4"]]
    assert Path(name).suffix in found.warned["name"].text


def test_a_line_of_text_is_no_table_without_records() -> None:
    found = read("this is not a workbook", "a.xlsx")
    assert found.rows == [["this is not a workbook"]]
    assert found.warned


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_letters_of_two_bytes_need_no_mark(codec: str) -> None:
    found = read(TABLE.encode(codec))
    assert found.facts["encoding"] == codec
    assert found.rows == [["Лилия", "Пинск"], ["Илья", "Ржев"]]


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("姓名,年龄\n小明,3\n大王,4\n", "gb18030"),
        ("标题,内容\n今天,天气很好我们去公园\n明天,可能下雨\n", "gb18030"),
        ("이름,나이\n철수,3\n영희,4\n", "cp949"),
        ("제목,내용\n오늘,날씨가 좋아서 공원에 갔다\n내일,비가 올 것 같다\n", "cp949"),
    ],
)
def test_chinese_and_korean_are_told_apart(text: str, codec: str) -> None:
    found = read(text.encode(codec))
    assert found.facts["encoding"] == codec
    assert found.columns == text.splitlines()[0].split(",")


def test_the_line_that_tells_excel_the_delimiter_is_no_record() -> None:
    found = read("sep=|\r\na,b|c\r\n1,5|2\r\n")
    assert (found.columns, found.rows) == (["a,b", "c"], [["1,5", "2"]])
    assert found.records[0].number == 3
    assert not found.warned


def test_a_field_that_an_object_names_twice_is_told() -> None:
    found = read('{"a":1}\n{"a":1,"a":2}\n', "a.jsonl")
    assert found.rows == [["1"], ["2"]]
    assert (found.warned["twice"].count, found.warned["twice"].places) == (1, ("line 2",))
    assert read('[{"a":1,"b":{"c":1,"c":1}}]', "a.json").warned["twice"].count == 1


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt", "chat.jsonl"])
def test_a_guess_about_bytes_is_told_whatever_is_read(name: str) -> None:
    text = {
        "a.csv": "a,b\ncafé,1\n",
        "a.jsonl": '{"a":"café"}\n',
        "a.txt": "café\n",
        "chat.jsonl": '{"messages":[{"role":"user","content":"café"}]}\n',
    }[name]
    assert "encoding-guessed" in read(text.encode("latin-1"), name).warned


def test_a_table_with_tabs_may_be_named_text() -> None:
    assert read("a\tb\n1\t2\n\n3\t4\n", "a.txt").rows == [["1", "2"], ["3", "4"]]
    assert len(read("\tIt was late.\nHe went home.\n", "a.txt").columns) == 1


def test_a_line_that_is_read_in_pieces_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.readers.lines.LONGEST", 64)
    found = read("text\n" + 150 * "x" + "\nend\n")
    assert found.warned["long-line"].count == 2
    assert "long-line" not in read("text\n" + 60 * "x" + "\nend\n").warned
